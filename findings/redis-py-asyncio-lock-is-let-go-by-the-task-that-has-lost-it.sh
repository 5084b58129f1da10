#!/usr/bin/env bash
# redis-py 8.1.0 (Python, redis.asyncio) on Redis 7.0.15, seen 2026-12-01.
#
# A program has one Lock object, and two tasks use it. The first works longer than its timeout: Redis has let the lock expire, and the second task acquires
# it. Now the first one ends. owned() tells it that the lock is its own, reacquire() gives the second one's lock another timeout, and release() succeeds, with no error: it
# has let go the lock of the second task, and a third one gets it while the second is at work. The second learns of it when it is done. The token by which a
# lock is known is kept in thread-local storage, and all tasks of a program are in one thread. With an object for each task, and with threads and
# the Lock that is not of asyncio, the first one's release raises LockNotOwnedError, and the third is refused.
#
# Guess that it breaks: the docstring of the class in redis.asyncio has this very timeline, with "thread-1" and "thread-2" that use one object, as that which the default
# thread_local=True prevents. In asyncio one reads tasks for threads; a lock object in a module or on a connection is what the example suggests, and
# asyncio.Lock is used like that. A test in which nobody is late shows nothing.
#
# Seen (after the second one has the lock: what the first one's owned, reacquire and release say; whether a third one gets it; what the second one's release says):
#   asyncio, one object:        True, done, done; the third gets it; LockError
#   asyncio, an object for each: False, LockNotOwnedError, LockNotOwnedError; the third does not; done
#   threads, one object:        False, LockNotOwnedError, LockNotOwnedError; the third does not; done
#
# Needs Python 3.10 or later with pip, and apt-get (the package is only downloaded).
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; } || true; rm -rf "$dir"' EXIT
cd "$dir"
mkdir deb && (cd deb && for p in redis-tools=5:7.0.15-1~deb12u10 libjemalloc2 liblzf1 libatomic1; do
  apt-get download "$p" >/dev/null 2>&1 || { echo "cannot be downloaded: $p (run apt-get update)" >&2; exit 1; }
done)
for d in deb/*.deb; do dpkg-deb -x "$d" root; done
# The server's program is redis-check-rdb under another name.
cp root/usr/bin/redis-check-rdb redis-server
if (: >/dev/tcp/127.0.0.1/42705) 2>/dev/null; then echo "port 42705 is in use" >&2; exit 1; fi
LD_LIBRARY_PATH=$(echo "$dir/root"/usr/lib/*-linux-gnu) ./redis-server --port 42705 --bind 127.0.0.1 --save '' --dir "$dir" >log 2>&1 &
server=$!
python3 -m pip install --quiet --target lib --disable-pip-version-check --root-user-action ignore \
  redis==8.1.0 >pip.log 2>&1 || { cat pip.log; exit 1; }
for _ in $(seq 300); do (: >/dev/tcp/127.0.0.1/42705) 2>/dev/null && break; sleep 0.1; done
cat >late.py <<'PY'
import asyncio
import sys
import threading

import redis
import redis.asyncio
from redis.exceptions import LockError

PORT = 42705
# The first one's lock expires; the second one asks for more than the whole run can take.
LATE, LONG = 4, 120


async def call(made):
    try:
        got = await made
    except LockError as e:
        return type(e).__name__
    return got


async def in_tasks(shared):
    client = redis.asyncio.Redis(port=PORT)
    await client.flushall()
    one = client.lock("lock", timeout=LATE)
    two = one if shared else client.lock("lock", timeout=LATE)
    first_has, second_has, first_ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
    said = {}

    async def first():
        await one.acquire()
        first_has.set()
        await second_has.wait()
        said["owned"] = await one.owned()
        said["reacquire"] = await call(one.reacquire())
        said["release"] = await call(one.release())
        said["third"] = await client.lock("lock", timeout=LONG).acquire(blocking=False)
        first_ended.set()

    async def second():
        await first_has.wait()
        await two.acquire()
        await two.extend(LONG)
        second_has.set()
        await first_ended.wait()
        said["second"] = await call(two.release())

    await asyncio.gather(asyncio.create_task(first()), asyncio.create_task(second()))
    await client.aclose()
    return said


def in_threads():
    client = redis.Redis(port=PORT)
    client.flushall()
    lock = client.lock("lock", timeout=LATE)
    first_has, second_has, first_ended = threading.Event(), threading.Event(), threading.Event()
    said = {}

    def call(f):
        try:
            return f()
        except LockError as e:
            return type(e).__name__

    def first():
        lock.acquire()
        first_has.set()
        second_has.wait()
        said["owned"] = lock.owned()
        said["reacquire"] = call(lock.reacquire)
        said["release"] = call(lock.release)
        said["third"] = client.lock("lock", timeout=LONG).acquire(blocking=False)
        first_ended.set()

    def second():
        first_has.wait()
        lock.acquire()
        lock.extend(LONG)
        second_has.set()
        first_ended.wait()
        said["second"] = call(lock.release)

    threads = [threading.Thread(target=f, daemon=True) for f in (first, second)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(100)
    return said


def line(said):
    def word(x):
        return x if isinstance(x, str) else "done"

    third = "the third gets it" if said["third"] else "the third does not"
    return f"{said['owned']}, {word(said['reacquire'])}, {word(said['release'])}; {third}; {word(said['second'])}"


REFUSED = "False, LockNotOwnedError, LockNotOwnedError; the third does not; done"
as_seen = True
for name, run, want in [
    ("asyncio, one object", lambda: asyncio.run(in_tasks(True)), "True, done, done; the third gets it; LockError"),
    ("asyncio, an object for each", lambda: asyncio.run(in_tasks(False)), REFUSED),
    ("threads, one object", in_threads, REFUSED),
]:
    got = line(run())
    print(f"{name}: {got}")
    as_seen = as_seen and got == want
if not as_seen:
    print("changed or broken")
    sys.exit(1)
PY
PYTHONPATH=lib timeout 120 python3 late.py
