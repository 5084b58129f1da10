#!/usr/bin/env bash
# MariaDB 10.11.19 (Debian 12), semi-synchronous replication, seen 2026-11-28.
#
# A semi-synchronous replica that stops (STOP SLAVE, CHANGE MASTER, a failover) connects
# to its primary's address and kills the connection that it had there, by its number.
# When the primary was started again meanwhile, and the replica has not connected since,
# that number is somebody else's: here a client in the middle of a statement. Where the
# old primary came back as a replica it can be its own SQL thread, which then stands
# still with Slave_SQL_Running: No and no error. Without semi-synchronous replication
# nobody is killed.
#
# Guess that it breaks: STOP SLAVE on a replica ends that replica's threads, and nothing
# on another server.
#
# Seen (the replica's user has ALL PRIVILEGES; with REPLICATION SLAVE alone only the same
# user's connections can be hit, such as another replica's):
#   semi-synchronous: the client with the old number is gone (error 2013)
#   asynchronous:     it is still there
#
# Needs apt-get (packages are only downloaded, nothing is installed).
set -euo pipefail
dir=$(mktemp -d)
pids=()
stop() {
  for p in "${pids[@]}"; do kill -9 "$p" 2>/dev/null || true; done
  for p in "${pids[@]}"; do wait "$p" 2>/dev/null || true; done
  rm -rf "$dir"
}
trap stop EXIT
chmod 755 "$dir"

version=1:10.11.19-0+deb12u1
mkdir "$dir/deb" && cd "$dir/deb"
for p in mariadb-server=$version mariadb-server-core=$version mariadb-client=$version mariadb-client-core=$version libmariadb3=$version \
  liburing2 libsnappy1v5 libnuma1 libpmem1 libdaxctl1 libndctl6; do
  apt-get download "$p" >/dev/null 2>&1 || { echo "cannot be downloaded: $p (run apt-get update)" >&2; exit 1; }
done
for d in *.deb; do dpkg-deb -x "$d" "$dir/root"; done
cd "$dir"
root=$dir/root
export LD_LIBRARY_PATH=$(echo "$root"/usr/lib/*-linux-gnu)
user=()
if [ "$(id -u)" -eq 0 ]; then user=(setpriv --reuid 65534 --regid 65534 --clear-groups); fi

# start PORT: its process id is in $started.
start() {
  "${user[@]}" "$root/usr/sbin/mariadbd" --no-defaults --basedir="$root/usr" --datadir="$dir/$1" --tmpdir="$dir/$1" --socket="$dir/$1/s" \
    --pid-file="$dir/$1/pid" --lc-messages-dir="$root/usr/share/mysql" --port="$1" --bind-address=127.0.0.1 --log-bin=b --server-id="$1" \
    --skip-name-resolve --innodb-buffer-pool-size=16M --rpl-semi-sync-master-enabled=1 --rpl-semi-sync-master-timeout=1000 >>"$1.log" 2>&1 &
  started=$!
  pids+=("$started")
  for _ in $(seq 200); do sql "$1" -e 'select 1' >/dev/null 2>&1 && return; sleep 0.1; done
  tail "$1.log"; exit 1
}
sql() { local port=$1; shift; "$root/usr/bin/mariadb" --no-defaults -uroot -S "$dir/$port/s" "$@"; }

for p in 42411 42412; do if (: >/dev/tcp/127.0.0.1/"$p") 2>/dev/null; then echo "port $p is in use" >&2; exit 1; fi; done
for port in 42411 42412; do
  mkdir "$port" && { [ "$(id -u)" -ne 0 ] || chown 65534:65534 "$port"; }
  "${user[@]}" "$root/usr/bin/mariadb-install-db" --no-defaults --basedir="$root/usr" --datadir="$dir/$port" --tmpdir="$dir/$port" \
    --auth-root-authentication-method=normal --skip-test-db >install.log 2>&1 || { tail install.log; exit 1; }
done
start 42411
primary=$started
start 42412
sql 42411 -N -e 'select version()'
for port in 42411 42412; do
  sql $port -e "set sql_log_bin=0; create user r@'127.0.0.1' identified by 'r'; grant all on *.* to r@'127.0.0.1'"
done

bad=0
# case_of SEMI WANTED
case_of() {
  sql 42412 -e "set global rpl_semi_sync_slave_enabled=$1; change master to master_host='127.0.0.1', master_port=42411, master_user='r',
    master_password='r', master_use_gtid=slave_pos, master_connect_retry=120; start slave"
  local number=
  for _ in $(seq 100); do
    number=$(sql 42411 -N -e "select id from information_schema.processlist where command like 'Binlog Dump%'")
    [ -z "$number" ] || break
    sleep 0.1
  done
  [ -n "$number" ] || { echo "changed: the replica does not connect"; exit 1; }
  kill -9 "$primary"; wait "$primary" 2>/dev/null || true
  start 42411
  primary=$started
  # A client gets the number that the replica had.
  local clients=() there=
  for _ in $(seq 200); do
    sql 42411 -e 'select sleep(100)' >/dev/null 2>&1 &
    clients+=($!); pids+=($!)
    sleep 0.1
    there=$(sql 42411 -N -e "select count(*) from information_schema.processlist where id = $number and user = 'root'")
    [ "$there" = 0 ] || break
  done
  [ "$there" = 1 ] || { echo "no client got the number $number"; exit 1; }
  sql 42412 -e 'stop slave'
  sleep 1
  there=$(sql 42411 -N -e "select count(*) from information_schema.processlist where id = $number and user = 'root' and info like '%sleep%'")
  echo "rpl_semi_sync_slave_enabled=$1: after STOP SLAVE on the replica the primary has $there of 1 client with number $number"
  [ "$there" = "$2" ] || { echo "  changed"; bad=1; }
  for p in "${clients[@]}"; do kill "$p" 2>/dev/null || true; done
}
# Numbers go up, so that a client can get the one of a connection made late.
for _ in $(seq 20); do sql 42411 -e 'select 1' >/dev/null; done
case_of 0 1
for _ in $(seq 20); do sql 42411 -e 'select 1' >/dev/null; done
case_of 1 0
exit $bad
