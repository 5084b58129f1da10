#!/usr/bin/env bash
# etcd 3.6.16 (the same in Debian's 3.4.23), seen 2026-11-28.
#
# A transaction's comparison value("k") != "x" is FALSE when k does not exist,
# and so are value("k") = "" and value("k") < "x": an absent key fails every
# comparison of its value, while ver("k") != "5" and mod("k") < "5" are true,
# because there an absent key counts as 0.
#
# Guess that it breaks: "not equal" is the negation of "equal". A client that
# writes "unless it is x already" never writes to a fresh key, and reports the
# comparison as failed; a model of etcd as a register with compare-and-set has
# to treat absence as neither equal nor unequal.
#
# Seen:
#   value != x: FAILURE   value = "": FAILURE   value < x: FAILURE
#   ver != 5:   SUCCESS   mod < 5:    SUCCESS
#   value != x on a key that holds y: SUCCESS (the control)
#
# Needs Go. Builds the pinned server in a temporary folder (about a minute).
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; } || true; rm -rf "$dir"' EXIT

mkdir "$dir/build" && cd "$dir/build"
go mod init example.test/etcd 2>/dev/null
go get -tool go.etcd.io/etcd/server/v3@v3.6.16 >get.log 2>&1 || { cat get.log; exit 1; }
go get go.etcd.io/etcd/etcdctl/v3@v3.6.16 >get.log 2>&1 || { cat get.log; exit 1; }
go build -o "$dir/etcd" go.etcd.io/etcd/server/v3
go build -o "$dir/etcdctl" go.etcd.io/etcd/etcdctl/v3
cd "$dir"

client=http://127.0.0.1:42379 peer=http://127.0.0.1:42380
for p in 42379 42380; do if (: >/dev/tcp/127.0.0.1/"$p") 2>/dev/null; then echo "port $p is in use" >&2; exit 1; fi; done
./etcd --data-dir data --listen-client-urls $client --advertise-client-urls $client \
  --listen-peer-urls $peer --initial-advertise-peer-urls $peer --initial-cluster default=$peer >log 2>&1 &
server=$!
export ETCDCTL_ENDPOINTS=$client
for _ in $(seq 50); do ./etcdctl endpoint health >/dev/null 2>&1 && break; sleep 0.2; done
./etcd --version | sed -n 1p

# compare CONDITION: whether a transaction with that condition took its first branch.
compare() { printf '%s\n\nput taken then\n\nput taken else\n\n' "$1" | ./etcdctl txn | sed -n 1p; }

bad=0
# expect WORD CONDITION
expect() {
  got=$(compare "$2")
  printf '%-22s %s\n' "$2" "$got"
  [ "$got" = "$1" ] || { echo "  changed: expected $1"; bad=1; }
}
echo 'k is absent:'
expect FAILURE 'value("k") != "x"'
expect FAILURE 'value("k") = ""'
expect FAILURE 'value("k") < "x"'
expect SUCCESS 'ver("k") != "5"'
expect SUCCESS 'mod("k") < "5"'
./etcdctl put k y >/dev/null
echo 'k is y:'
expect SUCCESS 'value("k") != "x"'
exit $bad
