#!/bin/sh
# Redis for lapse, in shell: redis.sh PORT, for a server that runs already.
#   lapse run --target exec --set program='sh redis.sh 6379'
cli() { redis-cli -p "$port" "$@" </dev/null 2>&1; }
field() { printf '%s\n' "$line" | sed -n "s/.*\"$1\":\"\{0,1\}\([^,\"}]*\).*/\1/p"; }
answer() { printf '{"id":%s,"type":%s}\n' "$id" "$1"; }

port=$1
while read -r line; do
  id=$(field id)
  case $(field type) in
  hello)
    version=$(cli info server | sed -n 's/^redis_version:\([0-9.]*\).*/\1/p')
    answer "\"hello\",\"protocol\":1,\"database\":\"Redis $version\",\"nodes\":[\"n1\"],\"functions\":[\"read\",\"write\"]"
    ;;
  open) answer '"ok"' ;;
  close) exit ;;
  invoke)
    case $(field f) in
    read) said=$(cli --no-raw get "$(field key)") ;;
    write) said=$(cli set "$(field key)" "$(field value)") ;;
    esac
    case $said in
    OK) answer '"ok"' ;;
    '(nil)') answer '"ok","value":null' ;;
    \"*\") value=${said#\"} && answer "\"ok\",\"value\":${value%\"}" ;;
    'Could not connect'*) answer '"fail","error":"connection refused"' ;;
    *) echo "$said" >&2 && answer '"info","error":"no answer"' ;;
    esac
    ;;
  esac
done
