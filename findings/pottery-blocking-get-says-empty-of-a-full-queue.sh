#!/usr/bin/env bash
# pottery 3.0.1 with redis-py 8.1.0 (Python) and Redis 7.0.15, seen 2026-11-30.
#
# RedisSimpleQueue.get() is to wait for an element as queue.Queue's does: without a timeout for ever. It
# takes one in a transaction that WATCHes the queue, and tries again when another client has changed the
# queue meanwhile, but only until the timeout, and none counts as a timeout of 0: the first time that
# another consumer, or a producer, comes between, get() raises QueueEmptyError, whatever is in the queue.
# A worker that ends when it is told so ends with work left. With a timeout of 60 s it is as one would
# think. No element is given out twice.
#
# Guess that it breaks: a get() that blocks never says that the queue is empty, and least of all when it
# is not.
#
# Seen (400 elements; 4 threads that each call get() 100 times; then 4 that do so with timeout=60):
#   get():           about half got, all others QueueEmptyError with 200 and more in the queue
#   get(timeout=60): 400 got, no error
#
# Needs Python 3.9 or later with venv, and Debian 12's apt on amd64 or arm64 (apt-get download).
set -euo pipefail
dir=$(mktemp -d)
pids=
trap 'for p in $pids; do kill "$p" 2>/dev/null || true; wait "$p" 2>/dev/null || true; done; rm -rf "$dir"' EXIT
cd "$dir"
mkdir deb && (cd deb && for p in redis-tools=5:7.0.15-1~deb12u10 libjemalloc2 liblzf1 libatomic1; do
  apt-get download "$p" >/dev/null 2>&1 || { echo "cannot be downloaded: $p (run apt-get update)" >&2; exit 1; }
done)
for d in deb/*.deb; do dpkg-deb -x "$d" root; done
# The server's program is redis-check-rdb under another name.
cp root/usr/bin/redis-check-rdb redis-server
if (: >/dev/tcp/127.0.0.1/42931) 2>/dev/null; then echo "port 42931 is in use" >&2; exit 1; fi
LD_LIBRARY_PATH=$(echo "$dir/root"/usr/lib/*-linux-gnu) ./redis-server --port 42931 --bind 127.0.0.1 --save '' --dir "$dir" >log 2>&1 &
pids=$!
python3 -m venv v
v/bin/pip -q install pottery==3.0.1 redis==8.1.0 >pip.log 2>&1 || { cat pip.log; exit 1; }
cat >consumers.py <<'PY'
import sys
import threading
import time

import redis
from pottery import RedisSimpleQueue
from pottery.exceptions import QueueEmptyError

ELEMENTS, THREADS = 400, 4


def queue(name):
    return RedisSimpleQueue(redis=redis.Redis(port=42931), key=name)


def consume(name, **how):
    filled = queue(name)
    for i in range(ELEMENTS):
        filled.put(i)
    got, said_empty, lock = [], [], threading.Lock()

    def work():
        mine = queue(name)
        for _ in range(ELEMENTS // THREADS):
            try:
                element = mine.get(**how)
                with lock:
                    got.append(element)
            except QueueEmptyError:
                with lock:
                    said_empty.append(mine.qsize())

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return got, said_empty, filled.qsize()


for _ in range(100):
    try:
        redis.Redis(port=42931).ping()
        break
    except redis.ConnectionError:
        time.sleep(0.1)

got, said_empty, left = consume("for ever")
print(f"get(): {len(got)} got, {len(said_empty)} QueueEmptyError with at least {min(said_empty, default=0)} in the queue, {left} left")
patient, errors, rest = consume("patient", timeout=60)
print(f"get(timeout=60): {len(patient)} got, {len(errors)} QueueEmptyError, {rest} left")
as_seen = (
    len(said_empty) > 0
    and min(said_empty) > 0
    and left == len(said_empty)
    and len(set(got)) == len(got)
    and sorted(patient) == list(range(ELEMENTS))
    and not errors
)
if not as_seen:
    print("changed or broken")
    sys.exit(1)
PY
v/bin/python consumers.py
