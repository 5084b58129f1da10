#!/usr/bin/env bash
# MariaDB 10.11.19 (Debian 12), semi-synchronous replication, seen 2026-11-28.
#
# A commit waits for a replica's acknowledgement (AFTER_SYNC, timeout 30 s, no
# replica connected). KILL QUERY on it from another session, as a pool or an
# operator does with a statement that hangs, ends the wait and the client gets
# OK: exit 0, no error, no warning. Rpl_semi_sync_master_status stays ON, so
# nothing says that the write is on one server alone. KILL CONNECTION gives
# error 2013. max_statement_time=1 does not end the wait at all.
#
# Guess that it breaks: a killed statement reports error 1317 (query execution
# was interrupted), and an acknowledged write is on a replica while the status is ON.
#
# Seen:
#   KILL QUERY:      client exit 0, no warning, row there, status ON
#   KILL CONNECTION: client exit 1 (2013), row there, status ON
#   max_statement_time=1: OK after the whole timeout of 6 s, no warning
#
# Needs apt-get (packages are only downloaded, nothing is installed).
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; } || true; rm -rf "$dir"' EXIT
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
for p in 42306; do if (: >/dev/tcp/127.0.0.1/"$p") 2>/dev/null; then echo "port $p is in use" >&2; exit 1; fi; done
user=()
if [ "$(id -u)" -eq 0 ]; then user=(setpriv --reuid 65534 --regid 65534 --clear-groups); fi
mkdir data run && { [ "$(id -u)" -ne 0 ] || chown 65534:65534 data run; }
# The install script looks for its programs by name.
"${user[@]}" "$root/usr/bin/mariadb-install-db" --no-defaults --basedir="$root/usr" --datadir="$dir/data" \
  --auth-root-authentication-method=normal --skip-test-db >install.log 2>&1 || { tail install.log; exit 1; }
"${user[@]}" "$root/usr/sbin/mariadbd" --no-defaults --basedir="$root/usr" --datadir="$dir/data" --socket="$dir/run/s" --pid-file="$dir/run/pid" \
  --lc-messages-dir="$root/usr/share/mysql" --port=42306 --bind-address=127.0.0.1 --log-bin=b --server-id=1 >server.log 2>&1 &
server=$!
sql() { "$root/usr/bin/mariadb" --no-defaults -uroot -S "$dir/run/s" "$@"; }
for _ in $(seq 100); do sql -e 'select 1' >/dev/null 2>&1 && break; sleep 0.2; done
sql -N -e 'select version()'
sql -e "create database t; create table t.a (id int primary key);
  set global rpl_semi_sync_master_wait_point=AFTER_SYNC; set global rpl_semi_sync_master_timeout=30000"
status() { sql -N -e "show status like 'Rpl_semi_sync_master_status'" | cut -f2; }
rearm() { sql -e 'set global rpl_semi_sync_master_enabled=0; set global rpl_semi_sync_master_enabled=1'; }

bad=0
# case_of ID KIND WANTED_EXIT
case_of() {
  rearm
  sql -e "insert into t.a values ($1); show warnings" >out 2>&1 &
  local client=$! id= rc=0
  for _ in $(seq 50); do
    id=$(sql -N -e "select id from information_schema.processlist where state like 'Waiting for semi-sync ACK%' limit 1")
    [ -z "$id" ] || break
    sleep 0.1
  done
  [ -n "$id" ] || { echo "changed: the commit did not wait"; exit 1; }
  sql -e "kill $2 $id"
  wait $client || rc=$?
  local row; row=$(sql -N -e "select count(*) from t.a where id=$1")
  echo "KILL $2: client exit $rc, said '$(tr '\n' ' ' <out)', rows $row, status $(status)"
  [ "$rc" = "$3" ] && [ "$row" = 1 ] && [ "$(status)" = ON ] || { echo "  changed"; bad=1; }
  [ "$2" != query ] || [ ! -s out ] || { echo "  changed: it said something"; bad=1; }
}
case_of 1 query 0
case_of 2 connection 1

sql -e 'set global rpl_semi_sync_master_timeout=6000'
rearm
from=$(date +%s)
said=$(sql -e 'set max_statement_time=1; insert into t.a values (3); show warnings' 2>&1) || { echo "changed: max_statement_time ended it: $said"; bad=1; }
took=$(($(date +%s) - from))
echo "max_statement_time=1: said '$said' after $took s"
[ "$took" -ge 5 ] || { echo "  changed: it did not wait for the timeout"; bad=1; }
exit $bad
