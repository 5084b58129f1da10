#!/usr/bin/env bash
# Tortoise ORM 1.1.9 (Python) on SQLite, seen 2026-11-30.
#
# In a transaction a program begins a task, as asyncio.create_task does for what need not be waited for, and the transaction
# commits. Later the task stores a row. It goes by the transaction it was begun in, which is over: the write waits for nobody, and when
# another request has a transaction open on the connection it stands in that one. That one is rolled back, and the
# row is gone, of which create() had given the id. A transaction that the task asks for itself is a savepoint in the other one's, and
# goes with it. Other tasks wait for the end of the transaction, and their rows are kept; so is that of the task if its context is a fresh one.
#
# Guess that it breaks: the page "Transactions" says that asyncio.gather and the like are safe in most cases with transactions, and of
# in_transaction() that the code inside of the with statement is in it. After it, one is outside. The row of a task
# belongs to no request but its own, and in_transaction() in it is a transaction.
#
# Seen (the task stores its row while another transaction, that will fail, is open; what is stored in the end):
#   begun outside of a transaction:        waited; row kept
#   begun in one that has committed:       did not wait; row gone
#   begun in one that has failed:          did not wait; row gone
#   the same, the other one commits:       did not wait; row kept
#   the same, in a transaction of its own: did not wait; row gone
#   the same, in a fresh context:          waited; row kept
#   the same, no other transaction:        did not wait; row kept
#
# Needs Python 3.11 or later with pip.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m pip install --quiet --target lib --disable-pip-version-check --root-user-action ignore \
  tortoise-orm==1.1.9 aiosqlite==0.22.1 >pip.log 2>&1 || { cat pip.log; exit 1; }
cat >tasks.py <<'PY'
import asyncio
import contextlib
import contextvars
import sys

from tortoise import Tortoise, fields
from tortoise.models import Model
from tortoise.transactions import in_transaction


class Row(Model):
    id = fields.IntField(primary_key=True)
    by = fields.CharField(max_length=20)


class Failed(Exception):
    pass


as_seen = True


async def transaction(fails, during):
    """A transaction of a request of its own, that does something and fails or not."""
    try:
        async with in_transaction():
            await during()
            if fails:
                raise Failed
    except Failed:
        pass


async def row(name, want, begun_in, other="fails", context=None, own=False):
    global as_seen
    await Row.all().delete()
    write, written = asyncio.Event(), asyncio.Event()

    async def late():
        await write.wait()
        async with in_transaction() if own else contextlib.nullcontext():
            await Row.create(by="the task")
        written.set()

    tasks = []

    async def begin():
        tasks.append(asyncio.create_task(late(), context=context))

    if begun_in is None:
        await begin()
    else:
        await transaction(begun_in == "fails", begin)
    waited = True

    async def meanwhile():
        nonlocal waited
        await Row.create(by="the other")
        write.set()
        try:
            await asyncio.wait_for(written.wait(), 3)
            waited = False
        except TimeoutError:
            pass

    if other is None:
        write.set()
        await tasks[0]
        waited = False
    else:
        # What another request does has a context of its own.
        await asyncio.create_task(transaction(other == "fails", meanwhile), context=contextvars.copy_context())
        await tasks[0]
    kept = await Row.filter(by="the task").exists()
    others = await Row.filter(by="the other").count()
    assert others == (1 if other == "commits" else 0)
    got = f"{'waited' if waited else 'did not wait'}; row {'kept' if kept else 'gone'}"
    print(f"{name}: {got}")
    as_seen = as_seen and got == want


async def main():
    await Tortoise.init(db_url="sqlite://rows.sqlite3", modules={"models": [__name__]})
    await Tortoise.generate_schemas()
    fresh = contextvars.copy_context()
    await row("begun outside of a transaction", "waited; row kept", None)
    await row("begun in one that has committed", "did not wait; row gone", "commits")
    await row("begun in one that has failed", "did not wait; row gone", "fails")
    await row("the same, the other one commits", "did not wait; row kept", "fails", other="commits")
    await row("the same, in a transaction of its own", "did not wait; row gone", "commits", own=True)
    await row("the same, in a fresh context", "waited; row kept", "commits", context=fresh)
    await row("the same, no other transaction", "did not wait; row kept", "commits", other=None)
    await Tortoise.close_connections()


asyncio.run(main())
if not as_seen:
    print("changed or broken")
    sys.exit(1)
PY
PYTHONPATH=lib timeout 120 python3 tasks.py
