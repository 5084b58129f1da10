#!/usr/bin/env bash
# aiosqlite 0.22.1 (Python) on SQLite, seen 2026-11-30.
#
# A call waits its turn, since another statement of the connection is at work, and is given up: asyncio.wait_for raises TimeoutError,
# and the statement has not begun. When its turn comes it is carried out all the same. A program that tries again takes the 10
# twice; one that does not has taken them without knowing, with the next commit of whoever has the connection. With a commit it is the
# same: it is given up before it began, the rollback that follows is answered without an error, and all is committed. In
# autocommit the late statement is stored at once. A rollback before the second try undoes the late statement.
#
# Guess that it breaks: what has begun in a thread cannot be called back, as everybody knows; what waits in the queue can, and
# is dropped there by the executors of Python, for which a cancelled future is not begun. The README says that calls are
# executed within a queue, and nothing of those that nobody waits for any more.
#
# Seen (an account of 100, from which one call takes 10; what is stored in the end):
#   taken, commit:                                            done; 90
#   given up, tried again, commit:                            TimeoutError; 80
#   given up, not tried again, commit:                        TimeoutError; 90
#   given up, rollback, tried again, commit:                  TimeoutError; 90
#   given up in autocommit:                                   TimeoutError; 90
#   taken, commit given up, rollback:                         TimeoutError; 90
#   sqlite3 in an executor, given up, tried again, commit:    TimeoutError; 90
#   sqlite3 in an executor, taken, commit given up, rollback: TimeoutError; 100
#
# Needs Python 3.11 or later with pip.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m pip install --quiet --target lib --disable-pip-version-check --root-user-action ignore \
  aiosqlite==0.22.1 >pip.log 2>&1 || { cat pip.log; exit 1; }
cat >late.py <<'PY'
import asyncio
import sqlite3
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiosqlite

FILE = "accounts.sqlite3"
TAKE = "UPDATE account SET balance = balance - 10"


class Executor:
    """sqlite3 behind the same calls, in an executor of one thread."""

    def __init__(self, **how):
        self.pool = ThreadPoolExecutor(1)
        self.db = sqlite3.connect(FILE, check_same_thread=False, **how)

    def call(self, name, *args):
        return asyncio.get_running_loop().run_in_executor(self.pool, getattr(self.db, name), *args)

    def __getattr__(self, name):
        return lambda *args: self.call(name, *args)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.call("close")
        self.pool.shutdown()


async def given_up(db, call):
    """Makes a call while another statement of the connection is at work; what the caller is told."""
    begun, go = threading.Event(), threading.Event()
    await db.create_function("hold", 0, lambda: begun.set() or int(go.wait(60)))
    work = asyncio.ensure_future(db.execute("SELECT hold()"))
    if not await asyncio.to_thread(begun.wait, 60):
        raise RuntimeError("the other statement has not begun")
    try:
        await asyncio.wait_for(call(), 0.2)
        said = "done"
    except TimeoutError:
        said = "TimeoutError"
    go.set()
    await work
    return said


as_seen = True


async def row(name, want, late, then=(), first=(), opened=aiosqlite.connect, **how):
    """Does what is first, has one call given up, and then does the others; TAKE is a statement, the rest are methods."""
    global as_seen
    Path(FILE).unlink(missing_ok=True)
    with sqlite3.connect(FILE) as setup:
        setup.execute("CREATE TABLE account AS SELECT 100 AS balance")

    async with opened(FILE, **how) if opened is aiosqlite.connect else opened(**how) as db:
        def call(what):
            return db.execute(what) if what == TAKE else getattr(db, what)()

        for what in first:
            await call(what)
        said = await given_up(db, lambda: call(late)) if late else "done"
        for what in then:
            await call(what)
    with sqlite3.connect(FILE) as check:
        got = f"{said}; {check.execute('SELECT balance FROM account').fetchone()[0]}"
    print(f"{name}: {got}")
    as_seen = as_seen and got == want


async def main():
    await row("taken, commit", "done; 90", None, first=[TAKE], then=["commit"])
    await row("given up, tried again, commit", "TimeoutError; 80", TAKE, then=[TAKE, "commit"])
    await row("given up, not tried again, commit", "TimeoutError; 90", TAKE, then=["commit"])
    await row("given up, rollback, tried again, commit", "TimeoutError; 90", TAKE, then=["rollback", TAKE, "commit"])
    await row("given up in autocommit", "TimeoutError; 90", TAKE, isolation_level=None)
    await row("taken, commit given up, rollback", "TimeoutError; 90", "commit", first=[TAKE], then=["rollback"])
    inside = "sqlite3 in an executor, "
    await row(inside + "given up, tried again, commit", "TimeoutError; 90", TAKE, then=[TAKE, "commit"], opened=Executor)
    await row(inside + "taken, commit given up, rollback", "TimeoutError; 100", "commit", first=[TAKE], then=["rollback"], opened=Executor)


asyncio.run(main())
if not as_seen:
    print("changed or broken")
    sys.exit(1)
PY
PYTHONPATH=lib timeout 120 python3 late.py
