#!/usr/bin/env bash
# Redis Cluster 7.0.15 (Debian 12), two nodes, seen 2026-11-28.
#
# A script that names no keys writes two keys of different hash slots. While one node
# owns both slots it is carried out, although MSET of the same keys is refused with
# CROSSSLOT. After one of the slots has moved to the other node, the same script
# answers "ERR Script attempted to access a non local key", and its first write stays.
#
# Guess that it breaks: a cluster refuses what spans slots (as it does for MSET and
# MULTI), and a command that is answered with ERR did nothing. The script passes every
# test on the day it is written and is applied by halves on the day of a resharding.
# Scripts that declare their keys are refused before they begin.
#
# Seen:
#   both slots on one node: MSET CROSSSLOT; script: done; b=1 c=1
#   one slot moved:         script: ERR Script attempted to access a non local key...; b=2, c=(nil)
#   declared keys:          CROSSSLOT, b unchanged
#
# Needs apt-get (the package is only downloaded, nothing is installed).
set -euo pipefail
dir=$(mktemp -d)
pids=()
stop() {
  for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done
  for p in "${pids[@]}"; do wait "$p" 2>/dev/null || true; done
  rm -rf "$dir"
}
trap stop EXIT
cd "$dir"
mkdir deb && (cd deb && for p in redis-tools=5:7.0.15-1~deb12u10 libjemalloc2 liblzf1 libatomic1; do
  apt-get download "$p" >/dev/null 2>&1 || { echo "cannot be downloaded: $p (run apt-get update)" >&2; exit 1; }
done)
for d in deb/*.deb; do dpkg-deb -x "$d" root; done
export LD_LIBRARY_PATH=$(echo "$dir/root"/usr/lib/*-linux-gnu)
# The server's program is redis-check-rdb under another name.
cp root/usr/bin/redis-check-rdb redis-server
./redis-server --version | cut -d' ' -f3
for p in 42501 42502 52501 52502; do if (: >/dev/tcp/127.0.0.1/"$p") 2>/dev/null; then echo "port $p is in use" >&2; exit 1; fi; done
for port in 42501 42502; do
  mkdir $port
  ./redis-server --port $port --bind 127.0.0.1 --dir "$dir/$port" --cluster-enabled yes --save '' >log-$port 2>&1 &
  pids+=($!)
done
one() { root/usr/bin/redis-cli -p 42501 "$@" 2>&1; }
two() { root/usr/bin/redis-cli -p 42502 "$@" 2>&1; }
for _ in $(seq 50); do [ "$(one ping)$(two ping)" = PONGPONG ] && break; sleep 0.1; done
one cluster addslotsrange 0 8191 >/dev/null
two cluster addslotsrange 8192 16383 >/dev/null
one cluster meet 127.0.0.1 42502 >/dev/null
for _ in $(seq 100); do one cluster info | grep -q cluster_state:ok && two cluster info | grep -q cluster_state:ok && break; sleep 0.1; done

bad=0
# expect WHAT PATTERN GOT
expect() {
  echo "$1: $3"
  [[ $3 =~ $2 ]] || { echo "  changed: expected $2"; bad=1; }
}
# The slots of b and c are 3300 and 7365.
script="redis.call('set', 'b', ARGV[1]) redis.call('set', 'c', ARGV[1]) return 'done'"
echo 'both slots on one node'
expect '  MSET b c' ^CROSSSLOT "$(one mset b 0 c 0)"
expect '  the script' ^done "$(one eval "$script" 0 1)"
expect '  b, c' '^1 1$' "$(one get b) $(one get c)"

one del c >/dev/null
id=$(two cluster myid)
two cluster setslot 7365 node "$id" >/dev/null
one cluster setslot 7365 node "$id" >/dev/null
echo "the slot of c moved to the other node"
expect '  the script' '^ERR Script attempted to access a non local key' "$(one eval "$script" 0 2 | sed -n 1p)"
expect '  b' '^2$' "$(one get b)"
expect '  c' '^$' "$(two get c)"
expect '  the script with its keys declared' '^(CROSSSLOT|ERR CROSSSLOT)' "$(one eval "$script" 2 b c 3 | sed -n 1p)"
expect '  b' '^2$' "$(one get b)"
exit $bad
