#!/usr/bin/env bash
# MariaDB 10.11.19 with Galera 26.4.23 (Debian 12), two nodes, seen 2026-12-01.
#
# An index is built on one node alone, in a session with wsrep_on=OFF, while the
# node still applies a large update of the other one and a client's insert waits
# for its turn to commit. CREATE INDEX waits for the metadata lock that the insert
# has; the insert waits until an earlier insert of the other node is applied; and
# the applier waits for the metadata lock, behind CREATE INDEX. Nobody breaks the
# circle: the node applies nothing any more, and reads of the table wait too, while
# it is Synced and ready. lock_wait_timeout, a day by default, would end it. With
# wsrep_osu_method=RSU, under the same load, all three are done.
#
# Guess that it breaks: appliers come before everybody else (what stands in their
# way is aborted), a deadlock is found, and its victim gets error 1213.
#
# Seen, ten seconds after the large update was applied:
#   wsrep_on=OFF  CREATE INDEX and applier "Waiting for table metadata lock", the insert
#                 "Waiting for certification"; n1 has 300002 rows, a read at n2 has no
#                 answer after 5 s; n2 is Synced, wsrep_ready is ON
#                 after KILL of the session that builds the index: both have 300002 rows
#   RSU           index built, both nodes have 300004 rows
#
# Needs apt-get (packages are only downloaded, nothing is installed).
set -euo pipefail
dir=$(mktemp -d)
pids=()
stop() { exec 2>/dev/null; for p in "${pids[@]}"; do kill -9 "$p" 2>/dev/null || true; done; wait || true; rm -rf "$dir"; }
trap stop EXIT
chmod 755 "$dir"

version=1:10.11.19-0+deb12u1
mkdir "$dir/deb" && cd "$dir/deb"
for p in mariadb-server=$version mariadb-server-core=$version mariadb-client=$version mariadb-client-core=$version libmariadb3=$version galera-4=26.4.23-0+deb12u1 \
  liburing2 libsnappy1v5 libnuma1 libpmem1 libdaxctl1 libndctl6; do
  apt-get download "$p" >/dev/null 2>&1 || { echo "cannot be downloaded: $p (run apt-get update)" >&2; exit 1; }
done
for d in *.deb; do dpkg-deb -x "$d" "$dir/root"; done
cd "$dir"
root=$dir/root
export LD_LIBRARY_PATH=$(echo "$root"/usr/lib/*-linux-gnu)
for p in 42401 42402 42431 42432 42441 42442; do if (: >/dev/tcp/127.0.0.1/"$p") 2>/dev/null; then echo "port $p is in use" >&2; exit 1; fi; done
user=()
if [ "$(id -u)" -eq 0 ]; then user=(setpriv --reuid 65534 --regid 65534 --clear-groups); fi
mkdir n1 n2 run && { [ "$(id -u)" -ne 0 ] || chown 65534:65534 n1 n2 run; }
"${user[@]}" "$root/usr/bin/mariadb-install-db" --no-defaults --basedir="$root/usr" --datadir="$dir/n1" \
  --auth-root-authentication-method=normal --skip-test-db >install.log 2>&1 || { tail install.log; exit 1; }

# start N ADDRESS: the server N, which joins those at ADDRESS or is the first.
start() {
  "${user[@]}" "$root/usr/sbin/mariadbd" --no-defaults --basedir="$root/usr" --datadir="$dir/n$1" --socket="$dir/run/s$1" --pid-file="$dir/run/pid$1" \
    --lc-messages-dir="$root/usr/share/mysql" --port=4240"$1" --bind-address=127.0.0.1 --server-id="$1" --binlog-format=ROW --innodb-autoinc-lock-mode=2 \
    --innodb-flush-log-at-trx-commit=0 --wsrep-on=ON --wsrep-provider="$root/usr/lib/galera/libgalera_smm.so" --wsrep-cluster-name=f --wsrep-node-name="n$1" \
    --wsrep-sst-method=rsync --wsrep-node-address=127.0.0.1 --wsrep-cluster-address="gcomm://$2" \
    --wsrep-provider-options="base_port=4243$1;ist.recv_addr=127.0.0.1:4244$1;gmcast.listen_addr=tcp://127.0.0.1:4243$1" >>"server$1.log" 2>&1 &
  pids+=($!)
}
sql() { local n=$1; shift; timeout "${limit:-600}" "$root/usr/bin/mariadb" --no-defaults -uroot -S "$dir/run/s$n" -N "$@"; }
synced() {
  for _ in $(seq 600); do
    [ "$(sql "$1" -e "show status like 'wsrep_local_state_comment'" 2>/dev/null | cut -f2)" = Synced ] && return
    sleep 0.2
  done
  tail "server$1.log" >&2
  return 1
}
rows() { limit=5 sql "$1" -e 'set session wsrep_sync_wait=0; select count(*) from t.a' || echo "no answer"; }

start 1 ""
synced 1
sql 1 -e 'create database t; create table t.a (id int primary key, v int)'
sql 1 t -e 'insert into a select seq, 0 from seq_1_to_300000'
sql 1 -e 'select version()'
# The second server begins with a copy, so that nothing has to be transferred.
sql 1 -e shutdown
wait "${pids[0]}" || true
pids=()
cp -a n1/. n2/
start 1 ""
synced 1
start 2 127.0.0.1:42431
synced 2

bad=0
waiting() { sql 2 -e "select count(*) from information_schema.processlist where state like 'Waiting%'"; }
# build HOW ROW INDEX: the load, with two new rows from ROW on, and an index built at n2 meanwhile.
build() {
  sql 1 -e 'update t.a set v = v + 1'
  sql 1 -e "insert into t.a values ($2, 0)"
  sql 2 -e "insert into t.a values ($2 + 1, 0)" >/dev/null 2>&1 & local insert=$!
  sleep 0.3
  sql 2 -e "set session $1; create index $3 on t.a (v)" >build.out 2>&1 & local index=$!
  # Until the large update is applied, and then ten seconds more.
  for _ in $(seq 600); do
    [ "$(waiting)" != 3 ] && kill -0 "$index" 2>/dev/null || break
    sleep 0.2
  done
  sleep 10
  sql 2 -e "select state, left(info, 40) from information_schema.processlist where state like 'Waiting%'" | sed 's/^/  /'
  waits=$(waiting) seen=$(rows 2)
  echo "$1: n1 has $(rows 1) rows, n2 $seen; n2 is $(sql 2 -e "show status like 'wsrep_local_state_comment'" | cut -f2), wsrep_ready $(sql 2 -e "show status like 'wsrep_ready'" | cut -f2)"
  builder=$(sql 2 -e "select id from information_schema.processlist where info like 'create index%'")
  [ -z "$builder" ] || sql 2 -e "kill $builder"
  wait "$insert" "$index" || true
  for _ in $(seq 100); do [ "$(rows 1)" = "$(rows 2)" ] && break; sleep 0.2; done
  echo "$1, after it has ended or was killed: n1 has $(rows 1) rows, n2 $(rows 2)"
}
build wsrep_on=OFF 1000001 i
[ "$waits $seen $(rows 2)" = "3 no answer 300002" ] || bad=1
build wsrep_osu_method=RSU 2000001 j
[ "$waits $seen $(rows 2)" = "0 300004 300004" ] || bad=1
[ "$bad" = 0 ] && echo "as on 2026-12-01" || { echo "not as on 2026-12-01" >&2; exit 1; }
