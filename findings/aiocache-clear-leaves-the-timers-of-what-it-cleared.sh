#!/usr/bin/env bash
# aiocache 0.12.3 (Python, SimpleMemoryCache), seen 2026-11-30.
#
# A key is set for a while, the cache is cleared, and the key is set anew for ever, or for a minute. It is gone when the time
# of the first one is over: clear forgets the timers, and does not stop them. What was there until then was not in
# the cache any more. A lock of the same cache, taken by RedLock after a clear, is let go when the lease of the
# one before would have ended, and the next one is let in while its holder is at work. delete, clear with a namespace, and setting the key
# again stop the timer; so a delete of all keys one by one is not what clear does.
#
# A key whose value is None is deleted without its timer too, and the counter that increment puts there vanishes.
#
# Guess that it breaks: what clear has removed is no more, its expiry neither; a key with no ttl is there until it is
# deleted. Of a cache one expects that it may forget, but of add, increment and RedLock, which are documented for the
# memory backend as for the others, that they hold.
#
# Seen (0.3 s after; the key was there for 0.1 s before):
#   clear, set:                        None
#   clear, add for a minute, add:      added twice
#   clear, RedLock for a minute:       2 at once
#   delete, set:                       2
#   clear of a namespace, set:         2
#   set again:                         2
#   None, delete, increment by 5:      None
#
# Needs Python 3 with pip.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m pip install --quiet --target lib --disable-pip-version-check --root-user-action ignore aiocache==0.12.3 >pip.log 2>&1 || { cat pip.log; exit 1; }
cat >timers.py <<'PY'
import asyncio
import sys

from aiocache import SimpleMemoryCache
from aiocache.lock import RedLock

SHORT, MINUTE = 0.1, 60
same = True


def line(name, got, want):
    global same
    print(f"{name}: {got}")
    same = same and str(got) == want


async def later():
    await asyncio.sleep(3 * SHORT)


async def again(forget, write):
    """What a key is worth that was there for a short time, was forgotten, and is written anew."""
    cache = SimpleMemoryCache(namespace="n:")
    await cache.set("k", 1, ttl=SHORT)
    await forget(cache)
    await write(cache)
    await later()
    return await cache.get("k")


async def nothing(cache):
    pass


async def clear(cache):
    await cache.clear()


async def delete(cache):
    await cache.delete("k")


async def clear_namespace(cache):
    await cache.clear(namespace="n:")


async def set_two(cache):
    await cache.set("k", 2)


async def added_twice():
    cache = SimpleMemoryCache()
    await cache.add("k", 1, ttl=SHORT)
    await cache.clear()
    await cache.add("k", 2, ttl=MINUTE)
    await later()
    try:
        await cache.add("k", 3, ttl=MINUTE)
    except ValueError:
        return "refused"
    return "added twice"


async def holders():
    cache = SimpleMemoryCache()
    now = most = 0

    async def work(task, lease):
        nonlocal now, most
        async with RedLock(cache, "job", lease):
            now += 1
            most = max(most, now)
            await task
            now -= 1

    async def beside():
        await later()
        # Whoever is not let in waits for the lease; a short one of his own says so soon.
        task = asyncio.ensure_future(work(asyncio.sleep(0), MINUTE))
        await asyncio.wait([task], timeout=SHORT)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    # The one before is interrupted, and leaves its lock for the short lease.
    await cache.add("job-lock", "of the one before", ttl=SHORT)
    await cache.clear()
    await work(beside(), MINUTE)
    return f"{most} at once"


async def none():
    cache = SimpleMemoryCache()
    await cache.set("k", None, ttl=SHORT)
    await cache.delete("k")
    await cache.increment("k", 5)
    if await cache.get("k") != 5:
        return "not there"
    await later()
    return await cache.get("k")


async def main():
    line("clear, set", await again(clear, set_two), "None")
    line("clear, add for a minute, add", await added_twice(), "added twice")
    line("clear, RedLock for a minute", await holders(), "2 at once")
    line("delete, set", await again(delete, set_two), "2")
    line("clear of a namespace, set", await again(clear_namespace, set_two), "2")
    line("set again", await again(nothing, set_two), "2")
    line("None, delete, increment by 5", await none(), "None")


asyncio.run(main())
if not same:
    print("changed or broken")
    sys.exit(1)
PY
PYTHONPATH=lib timeout 60 python3 timers.py
