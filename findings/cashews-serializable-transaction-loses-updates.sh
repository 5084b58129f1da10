#!/usr/bin/env bash
# cashews 7.6.0 (Python, asyncio cache), seen 2026-11-29.
#
# Five transactions at once read a number and set it plus one: 1 is left of 5, in every mode, also in
# TransactionMode.SERIALIZABLE, and all five end without an error. The lock of a transaction (one for
# all in SERIALIZABLE, one a key in LOCKED, the default) is taken by its first write; a read takes none,
# and what was read is not looked at again. incr in place of the read and the set counts all five
# with a lock.
# A set with exist=False (set where absent: a claim or a lock) in a transaction returns True and
# overwrites a value that is there, also with one transaction alone and in every mode: it is refused
# only if the key is there and this transaction itself has set it too. Outside of one it is refused.
#
# Guess that it breaks: the README says of SERIALIZABLE that a global shared lock lets one transaction
# run at a time ("almost useless" for that), and of LOCKED that it protects from races, with a
# transaction that reads before it writes as the example. set is among the operations that it
# names as transactional.
#
# Seen (the backend in memory, and that on disk, which other processes share):
#   FAST: five get and set: 1; set where absent: True, the value is the second
#   LOCKED and SERIALIZABLE: five get and set: 1; five incr: 5; set where absent: True, the value is the second
#   without a transaction: set where absent: False, the value is the first
#
# Needs Python 3.11 or later with venv.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv v
v/bin/pip -q install cashews==7.6.0 diskcache==5.6.3
cat >probe.py <<'PY'
import asyncio
from contextlib import asynccontextmanager

from cashews import Cache, TransactionMode

LOST = "five get and set: 1; set where absent: True, the value is the second"


@asynccontextmanager
async def none():
    yield


async def claimed(cache, mode):
    """What set says of a key that has a value and is to be set only if it has none, and the value after."""
    await cache.set("claim", "first")
    async with cache.transaction(mode) if mode else none():
        said = await cache.set("claim", "second", exist=False)
    return f"set where absent: {said}, the value is the {await cache.get('claim')}"


async def added(cache, mode, add):
    """How much five transactions add that each add one, and that have begun before any of them ends."""
    await cache.set("n", 0)
    waiting = 0
    go = asyncio.Event()

    async def meet():
        nonlocal waiting
        waiting += 1
        if waiting == 5:
            go.set()
        # Where only one runs at a time they cannot meet.
        try:
            await asyncio.wait_for(go.wait(), 60)
        except TimeoutError:
            pass

    async def one():
        async with cache.transaction(mode):
            await add(meet)

    await asyncio.gather(*(one() for _ in range(5)))
    return await cache.get("n")


async def main():
    ok = True
    for url in ("mem://", "disk://?directory=cache"):
        cache = Cache()
        cache.setup(url)
        name = url.partition(":")[0]
        for mode in (TransactionMode.FAST, TransactionMode.LOCKED, TransactionMode.SERIALIZABLE):

            async def get_and_set(meet):
                n = await cache.get("n")
                await meet()
                await cache.set("n", n + 1)

            async def incr(meet):
                await meet()
                await cache.incr("n")
                await asyncio.sleep(0)

            said = f"five get and set: {await added(cache, mode, get_and_set)}"
            # Without a lock what is left of five incr is chance.
            if mode is not TransactionMode.FAST:
                said += f"; five incr: {await added(cache, mode, incr)}"
            said += f"; {await claimed(cache, mode)}"
            print(f"{name} {mode.name}: {said}")
            ok &= said in (LOST, LOST.replace(";", "; five incr: 5;"))
        said = await claimed(cache, None)
        print(f"{name} without a transaction: {said}")
        ok &= said == "set where absent: False, the value is the first"
        await cache.close()
    if not ok:
        raise SystemExit("changed or broken")


asyncio.run(main())
PY
v/bin/python probe.py
