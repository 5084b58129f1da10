#!/usr/bin/env bash
# dramatiq 2.2.1 (Python) on Redis 7.0.15, GroupCallbacks, seen 2026-12-01.
#
# A group charges two customers, and its completion callback is to close the books when both are charged. The worker of the first one is
# killed after the work and before the acknowledgement, and another worker does the message once more, as a queue that delivers at
# least once has to. The callback is called: two of two are done, for what is counted is the runs and not the members. The second customer's message is
# still in its queue. When that one is done too, the callback is called again: whoever comes to a barrier
# that all have passed finds it passed. Without the death the callback is called once, at the end.
#
# Guess that it breaks: actors are to be written so that it does no harm if they run twice, says the guide, and these are; that the group itself miscounts is
# not said: the callback runs once every job in the group has completed, by the description of add_completion_callback.
#
# Seen (calls of the callback, each with who had been charged: after the first member; after both):
#   no death:            none; ann bob
#   a death before ack:  ann; ann, ann bob
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
if (: >/dev/tcp/127.0.0.1/42489) 2>/dev/null; then echo "port 42489 is in use" >&2; exit 1; fi
LD_LIBRARY_PATH=$(echo "$dir/root"/usr/lib/*-linux-gnu) ./redis-server --port 42489 --bind 127.0.0.1 --save '' --dir "$dir" >log 2>&1 &
server=$!
for _ in $(seq 300); do (: >/dev/tcp/127.0.0.1/42489) 2>/dev/null && break; sleep 0.1; done
python3 -m pip install --quiet --target lib --disable-pip-version-check --root-user-action ignore \
  dramatiq==2.2.1 redis==8.1.0 >pip.log 2>&1 || { cat pip.log; exit 1; }
cat >books.py <<'PY'
import logging
import os
import subprocess
import sys
import time

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import GroupCallbacks, Middleware, Retries
from dramatiq.rate_limits.backends import RedisBackend

PORT = 42489
logging.disable(logging.CRITICAL)
notes = redis.Redis(port=PORT, decode_responses=True)


class Death(Middleware):
    """Ends the process when the work is done and the message is not acknowledged yet."""

    def before_ack(self, broker, message):
        os._exit(1)


# A worker of which nothing was heard for 2 s is taken for dead, and each command looks for such.
broker = RedisBroker(port=PORT, heartbeat_timeout=2000, maintenance_chance=1_000_000,
                     middleware=[Retries(), GroupCallbacks(RedisBackend(client=redis.Redis(port=PORT)))])
dramatiq.set_broker(broker)


@dramatiq.actor(queue_name="one")
def charge_first(name):
    notes.sadd("charged", name)
    notes.incr("runs")


@dramatiq.actor(queue_name="two")
def charge_second(name):
    notes.sadd("charged", name)
    notes.incr("runs")


@dramatiq.actor(queue_name="books")
def close():
    notes.rpush("closed", " ".join(sorted(notes.smembers("charged"))))


def until(what, is_so):
    end = time.monotonic() + 60
    while not is_so():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.05)


def work(queue, runs):
    """A worker for one queue, until as many charges were run in all and all that this made has been done."""
    worker = dramatiq.Worker(broker, queues={queue}, worker_threads=1, worker_timeout=100)
    worker.start()
    until(f"{runs} runs", lambda: int(notes.get("runs") or 0) == runs)
    broker.join(queue, timeout=60_000)
    worker.stop()
    worker = dramatiq.Worker(broker, queues={"books"}, worker_threads=1, worker_timeout=100)
    worker.start()
    broker.join("books", timeout=60_000)
    worker.stop()
    return ", ".join(notes.lrange("closed", 0, -1)) or "none"


def trial(death):
    notes.flushall()
    group = dramatiq.group([charge_first.message("ann"), charge_second.message("bob")])
    group.add_completion_callback(close.message())
    group.run()
    if death:
        ended = subprocess.run([sys.executable, __file__, "die"], check=False)
        assert ended.returncode == 1, ended
        assert notes.get("runs") == "1"
    first = work("one", 2 if death else 1)
    return f"{first}; {work('two', 3 if death else 2)}"


if sys.argv[1:] == ["die"]:
    broker.add_middleware(Death())
    dramatiq.Worker(broker, queues={"one"}, worker_threads=1, worker_timeout=100).start()
    time.sleep(60)
    sys.exit(2)

as_seen = True
for name, death, want in (("no death", False, "none; ann bob"), ("a death before ack", True, "ann; ann, ann bob")):
    got = trial(death)
    print(f"{name}: {got}")
    as_seen = as_seen and got == want
if not as_seen:
    print("changed or broken")
    sys.exit(1)
PY
PYTHONPATH=lib timeout 300 python3 books.py
