#!/usr/bin/env bash
# etcd 3.6.16 (the same in Debian's 3.4.23), three members, seen 2026-11-28.
#
# A lease of 6 s that nobody keeps alive is still there 29 s later, with the
# key that hangs on it, if leadership moves every 3 s: each new leader starts
# every lease with its whole time to live again. Without moves it ends by itself.
#
# Guess that it breaks: a lease ends its time to live after the last keep-alive.
# A lock whose holder is dead stays taken for as long as the cluster is
# unsettled (a rolling restart, a leader that flaps), which is just when locks
# ought to pass on.
#
# Seen: "3 s: held ... remaining(6s)", and so on to "29 s: held ... remaining(6s)";
# then, 10 s without a move: gone.
#
# Needs Go. Builds the pinned server in a temporary folder (about a minute).
set -euo pipefail
dir=$(mktemp -d)
pids=()
stop() {
  for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done
  for p in "${pids[@]}"; do wait "$p" 2>/dev/null || true; done
  rm -rf "$dir"
}
trap stop EXIT

mkdir "$dir/build" && cd "$dir/build"
go mod init example.test/etcd 2>/dev/null
go get -tool go.etcd.io/etcd/server/v3@v3.6.16 >get.log 2>&1 || { cat get.log; exit 1; }
go get go.etcd.io/etcd/etcdctl/v3@v3.6.16 >get.log 2>&1 || { cat get.log; exit 1; }
go build -o "$dir/etcd" go.etcd.io/etcd/server/v3
go build -o "$dir/etcdctl" go.etcd.io/etcd/etcdctl/v3
cd "$dir"

cluster=a=http://127.0.0.1:42401,b=http://127.0.0.1:42402,c=http://127.0.0.1:42403
i=0
for p in 42401 42402 42403 42411 42412 42413; do if (: >/dev/tcp/127.0.0.1/"$p") 2>/dev/null; then echo "port $p is in use" >&2; exit 1; fi; done
for n in a b c; do
  i=$((i + 1))
  ./etcd --name $n --data-dir data-$n --initial-cluster $cluster \
    --listen-client-urls http://127.0.0.1:4241$i --advertise-client-urls http://127.0.0.1:4241$i \
    --listen-peer-urls http://127.0.0.1:4240$i --initial-advertise-peer-urls http://127.0.0.1:4240$i >log-$n 2>&1 &
  pids+=($!)
done
all=http://127.0.0.1:42411,http://127.0.0.1:42412,http://127.0.0.1:42413
ctl() { ETCDCTL_ENDPOINTS=$1 ./etcdctl "${@:2}"; }
for _ in $(seq 50); do ctl $all endpoint health >/dev/null 2>&1 && break; sleep 0.2; done
./etcd --version | sed -n 1p

lease=$(ctl $all lease grant 6 | awk '{print $2}')
ctl $all put --lease="$lease" lock held >/dev/null
from=$(date +%s)
for _ in $(seq 9); do
  sleep 3
  ctl $all endpoint status >status
  leader=$(grep -E ', true, (true|false), [0-9]+, [0-9]+' status | sed -n 1p | cut -d, -f1)
  other=$(grep -F -v "$leader" status | sed -n 1p | cut -d, -f2 | tr -d ' ')
  ctl "$leader" move-leader "$other" >/dev/null
  echo "$(($(date +%s) - from)) s: $(ctl $all get lock --print-value-only) $(ctl $all lease timetolive "$lease" | grep -o 'remaining.*')"
done
held=$(ctl $all get lock --print-value-only)
sleep 10
after=$(ctl $all get lock --print-value-only)
echo "after 10 s without a move: '${after}'"
[ "$held" = held ] || { echo "changed: the lease ended although leadership moved"; exit 1; }
[ -z "$after" ] || { echo "changed: the lease did not end by itself (the control)"; exit 1; }
