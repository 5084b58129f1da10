#!/usr/bin/env bash
# dramatiq 2.2.1 (Python), ConcurrentRateLimiter, with redis-py 8.1.0 and Redis 7.0.15, and with its StubBackend, seen 2026-11-30.
#
# A limiter of limit 1 is "a distributed mutex" by its documentation. It is a counter without names. A holder works longer
# than the ttl, and the second gets in, as it must. When the first one ends, it takes one off the counter that is the second
# one's now: a third gets in beside the second, which is in time, and nobody is told anything. With limit 2, a process dies
# while it holds one of the two places. Its place does not come back after the ttl: each acquire and release of the other
# one sets the ttl of the whole counter anew, and so for as long as anybody is at work more often than that, only one at a
# time gets in. It comes back when nobody has tried for a ttl.
#
# Guess that it breaks: the ttl is "the time that keys may live for", and so the time after which a place is free if its
# holder is gone. What a mutex with a ttl may do is let in the second after the ttl; not the third within the second one's.
#
# Seen (with both backends; ttl 1 s, others come and go every 0.25 s):
#   limit 1, the first ends in time:            second in no, third in no
#   limit 1, the first ends after its ttl:      second in yes, third beside the second yes
#   limit 2, a holder is gone, others at work:  places after 2.5 s: 1
#   limit 2, a holder is gone, nobody at work:  places after 2.5 s: 2
#
# Needs Python 3.10 or later with pip, and apt-get (the package is only downloaded).
set -euo pipefail
dir=$(mktemp -d)
server=
trap 'if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi; rm -rf "$dir"' EXIT
cd "$dir"
mkdir deb && (cd deb && for p in redis-tools=5:7.0.15-1~deb12u10 libjemalloc2 liblzf1 libatomic1; do
  apt-get download "$p" >/dev/null 2>&1 || { echo "cannot be downloaded: $p (run apt-get update)" >&2; exit 1; }
done)
for d in deb/*.deb; do dpkg-deb -x "$d" root; done
# The server's program is redis-check-rdb under another name.
cp root/usr/bin/redis-check-rdb redis-server
if (: >/dev/tcp/127.0.0.1/42973) 2>/dev/null; then echo "port 42973 is in use" >&2; exit 1; fi
LD_LIBRARY_PATH=$(echo "$dir/root"/usr/lib/*-linux-gnu) ./redis-server --port 42973 --bind 127.0.0.1 --save '' --dir "$dir" >log 2>&1 &
server=$!
python3 -m pip install --quiet --target lib --disable-pip-version-check --root-user-action ignore \
  dramatiq==2.2.1 redis==8.1.0 >pip.log 2>&1 || { cat pip.log; exit 1; }
for _ in $(seq 100); do if (: >/dev/tcp/127.0.0.1/42973) 2>/dev/null; then break; fi; sleep 0.1; done
cat >mutex.py <<'PY'
import os
import sys
import time
from contextlib import ExitStack

from dramatiq.rate_limits import ConcurrentRateLimiter
from dramatiq.rate_limits.backends import RedisBackend, StubBackend

TTL = 1.0
# Kept, since Python would have one that nothing refers to leave after all.
killed = []


class Process:
    """What one process does with a limiter of its own."""

    def __init__(self, backend, key, limit):
        self.limiter = ConcurrentRateLimiter(backend, key, limit=limit, ttl=int(TTL * 1000))
        self.held = ExitStack()

    def enter(self):
        return self.held.enter_context(self.limiter.acquire(raise_on_failure=False))

    def leave(self):
        self.held.close()


def word(yes):
    return "yes" if yes else "no"


def mutex(backend, key, late):
    first, second, third = (Process(backend, key, 1) for _ in range(3))
    if not first.enter():
        raise RuntimeError("a free mutex is refused")
    if late:
        time.sleep(TTL + 0.3)
    in_time = time.monotonic() + TTL
    got = second.enter()
    if not late:
        also = third.enter()
        first.leave()
        return f"second in {word(got)}, third in {word(also)}"
    first.leave()
    beside = third.enter()
    if time.monotonic() > in_time:
        raise RuntimeError("too slow: the second one's ttl is over")
    third.leave()
    second.leave()
    return f"second in {word(got)}, third beside the second {word(beside)}"


def gone(backend, key, busy):
    killed.append(Process(backend, key, 2))
    if not killed[-1].enter():
        raise RuntimeError("a free place is refused")
    end = time.monotonic() + 2.5 * TTL
    while time.monotonic() < end:
        time.sleep(TTL / 4)
        if busy:
            other = Process(backend, key, 2)
            if not other.enter():
                raise RuntimeError("the second place is refused")
            other.leave()
    asked = [Process(backend, key, 2) for _ in range(3)]
    places = sum(p.enter() for p in asked)
    for p in asked:
        p.leave()
    return f"places after 2.5 s: {places}"


as_seen = True
for name, run, want in [
    ("limit 1, the first ends in time", lambda b, k: mutex(b, k, False), "second in no, third in no"),
    ("limit 1, the first ends after its ttl", lambda b, k: mutex(b, k, True), "second in yes, third beside the second yes"),
    ("limit 2, a holder is gone, others at work", lambda b, k: gone(b, k, True), "places after 2.5 s: 1"),
    ("limit 2, a holder is gone, nobody at work", lambda b, k: gone(b, k, False), "places after 2.5 s: 2"),
]:
    for kind, backend in [("Redis", RedisBackend(url="redis://127.0.0.1:42973")), ("stub", StubBackend())]:
        got = run(backend, name)
        print(f"{name}, {kind}: {got}")
        as_seen = as_seen and got == want
if not as_seen:
    print("changed or broken")
sys.stdout.flush()
# Without the end of what is kept, as when it is killed.
os._exit(0 if as_seen else 1)
PY
PYTHONPATH=lib timeout 120 python3 mutex.py
