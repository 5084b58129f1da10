#!/usr/bin/env bash
# MariaDB 10.11.19 (Debian 12), system-versioned InnoDB table, seen 2026-11-28.
#
# A transaction takes 10 from one account and adds them to another, with six seconds between
# the two UPDATEs, and commits. A query FOR SYSTEM_TIME AS OF a time between the two statements
# shows the first UPDATE without the second (the sum is 90), and AS OF a time before the commit
# shows both, though nobody could see either then. row_start is the time of the statement, not
# of the transaction or its commit. A plain read at those times, from another connection, saw
# 50 and 50. In a table whose row_start and row_end are transaction ids (BIGINT UNSIGNED) the
# transaction is whole, and is shown at both times as well, seconds before it was committed.
#
# Guess that it breaks: AS OF shows a state that was committed at that time, so that it can
# serve as a snapshot (a check of invariants, a backup, a history of who saw what). In
# SQL:2011 the rows of one transaction have one time.
#
# Seen (accounts and sum AS OF a time; what another connection read then):
#   timestamps, between the statements: 40,50 sum 90    (read then: 50,50)
#   timestamps, before the commit:      40,60 sum 100   (read then: 50,50)
#   transaction ids, both times:        40,60 sum 100   (read then: 50,50)
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
user=()
if [ "$(id -u)" -eq 0 ]; then user=(setpriv --reuid 65534 --regid 65534 --clear-groups); fi
mkdir data run && { [ "$(id -u)" -ne 0 ] || chown 65534:65534 data run; }
# The install script looks for its programs by name.
"${user[@]}" "$root/usr/bin/mariadb-install-db" --no-defaults --basedir="$root/usr" --datadir="$dir/data" \
  --auth-root-authentication-method=normal --skip-test-db >install.log 2>&1 || { tail install.log; exit 1; }
"${user[@]}" "$root/usr/sbin/mariadbd" --no-defaults --basedir="$root/usr" --datadir="$dir/data" --socket="$dir/run/s" --pid-file="$dir/run/pid" \
  --lc-messages-dir="$root/usr/share/mysql" --skip-networking >server.log 2>&1 &
server=$!
sql() { "$root/usr/bin/mariadb" --no-defaults -uroot -S "$dir/run/s" "$@"; }
for _ in $(seq 100); do sql -e 'select 1' >/dev/null 2>&1 && break; sleep 0.2; done
sql -N -e 'select version()'
bad=0
# case_of NAME COLUMNS BETWEEN BEFORE
case_of() {
  sql -e "create or replace database t; create table t.acc (id int primary key, v int $2) engine=innodb with system versioning; insert into t.acc (id, v) values (1,50),(2,50)"
  sql t -e "begin; update acc set v=v-10 where id=1; do sleep(6); update acc set v=v+10 where id=2; do sleep(6); commit" &
  local writer=$! at then got
  sleep 3
  for want in "$3" "$4"; do
    at=$(sql -N -e 'select now(6)')
    then=$(sql -N t -e 'select group_concat(v order by id) from acc')
    echo "$at|$then|$want"
    sleep 6
  done >times
  wait "$writer"
  while IFS='|' read -r at then want; do
    got="$(sql -N t -e "select group_concat(v order by id), concat('sum ', sum(v)) from acc for system_time as of timestamp '$at'" | tr '\t' ' '), read then: $then"
    echo "$1: $got"
    [ "$got" = "$want" ] || { echo "  changed: expected $want"; bad=1; }
  done <times
}
case_of 'timestamps' '' '40,50 sum 90, read then: 50,50' '40,60 sum 100, read then: 50,50'
case_of 'transaction ids' ', s bigint unsigned generated always as row start, e bigint unsigned generated always as row end, period for system_time (s, e)' \
  '40,60 sum 100, read then: 50,50' '40,60 sum 100, read then: 50,50'
exit $bad
