#!/usr/bin/env bash
# aiocache 0.12.3 (Python, cached_stampede and RedLock in memory), seen 2026-11-30.
#
# Two functions are cached by cached_stampede, each with key="all", each in a cache of its own, as it is without asking for more. Called at once,
# the first to be done gives its result, and the second, whose function has also ended well, fails with KeyError: 'all-lock'.
# What wakes those who wait is kept by key, for all caches of the process together; the first one takes it away, and the second
# finds nothing to wake. Before that the waiting are woken by the wrong one: a second caller of the slow function, who should wait for
# its result, is woken by the end of the quick one, and runs the function once more.
#
# Guess that it breaks: the documentation says that one cache instance is created per decorated function, and that values
# and locks are in it. Each alone is right, one after the other too; of two caches nobody thinks that they meet.
#
# Seen (the results of quick and slow; how often slow was run):
#   slow, quick, at once:                   quick; KeyError: 'all-lock'; 1
#   slow, quick, and slow again, at once:   quick; KeyError: 'all-lock', slow; 2
#   slow, and slow again, at once:          slow, slow; 1
#   keys of their own, all three at once:   quick; slow, slow; 1
#   one after the other:                    quick; slow, slow; 1
#
# Needs Python 3 with pip.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m pip install --quiet --target lib --disable-pip-version-check --root-user-action ignore aiocache==0.12.3 >pip.log 2>&1 || { cat pip.log; exit 1; }
cat >stampede.py <<'PY'
import asyncio
import sys

from aiocache import cached_stampede

same = True


def said(result):
    return f"{type(result).__name__}: {result}" if isinstance(result, BaseException) else result


class Two:
    """Two functions with caches of their own; each ends when it is told to."""

    def __init__(self, quick_key="all", slow_key="all"):
        self.runs = 0
        self.end = {"quick": asyncio.Event(), "slow": asyncio.Event()}

        @cached_stampede(key=quick_key, lease=60)
        async def quick():
            await self.end["quick"].wait()
            return "quick"

        @cached_stampede(key=slow_key, lease=60)
        async def slow():
            self.runs += 1
            await self.end["slow"].wait()
            return "slow"

        self.functions = {"quick": quick, "slow": slow}

    async def start(self, name):
        task = asyncio.ensure_future(self.functions[name]())
        await asyncio.sleep(0.05)
        return task

    async def finish(self, tasks):
        for name in ("quick", "slow"):
            self.end[name].set()
            await asyncio.sleep(0.05)
        done = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 30)
        return [said(r) for r in done]


def line(name, quick, slow, runs, want):
    global same
    got = f"{', '.join(quick)}; {', '.join(slow)}; {runs}".removeprefix("; ")
    print(f"{name}: {got}")
    same = same and got == want


async def at_once(name, calls, want, **keys):
    two = Two(**keys)
    tasks = [await two.start(c) for c in calls]
    results = await two.finish(tasks)
    of = {n: [r for c, r in zip(calls, results) if c == n] for n in two.functions}
    line(name, of["quick"], of["slow"], two.runs, want)


async def in_turn():
    two = Two()
    results = []
    for event in two.end.values():
        event.set()
    for name in ("quick", "slow", "slow"):
        results += await two.finish([await two.start(name)])
    line("one after the other", results[:1], results[1:], two.runs, "quick; slow, slow; 1")


async def main():
    await at_once("slow, quick, at once", ["slow", "quick"], "quick; KeyError: 'all-lock'; 1")
    await at_once("slow, quick, and slow again, at once", ["slow", "quick", "slow"], "quick; KeyError: 'all-lock', slow; 2")
    await at_once("slow, and slow again, at once", ["slow", "slow"], "slow, slow; 1")
    await at_once("keys of their own, all three at once", ["slow", "quick", "slow"], "quick; slow, slow; 1",
                  quick_key="quick", slow_key="slow")
    await in_turn()


asyncio.run(main())
if not same:
    print("changed or broken")
    sys.exit(1)
PY
PYTHONPATH=lib timeout 60 python3 stampede.py
