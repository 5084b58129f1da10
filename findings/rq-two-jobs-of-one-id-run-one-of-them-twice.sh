#!/usr/bin/env bash
# RQ 3.0.0 (Python) on Redis 7.0.15, seen 2026-11-30.
#
# A program enqueues two jobs with a job_id of its own, and it is the same for both. The id is in the queue twice, and the
# job is stored once, under the id: the second enqueue overwrites the first job. A worker runs the second job twice and the
# first one never; both have ended well. If results are not kept (result_ttl=0), the first run removes the job, and the
# second job runs once, the first one never. If the second is enqueued while the first one runs, it is the other way
# round: the end of the first is stored over the second, so that the first runs twice and the second never, or, if results
# are not kept, the second is dropped without a word. With unique=True the second enqueue is refused,
# also while the first one runs. enqueue_many refuses one id twice in one call.
#
# Guess that it breaks: of an id that one may choose, one thinks that a second job with it is refused, or ignored, as other
# queues do, or that both run. That one call runs twice and the other not at all, with both reported as finished, is
# at least once for the one and at most once for the other. The docstring of job_id says nothing of it.
#
# Seen (what ran; first is enqueued first):
#   two ids:                                             first, second
#   one id:                                              second, second
#   one id, result_ttl=0:                                second
#   one id, unique=True:                                 DuplicateJobError; first
#   two ids, second enqueued while first runs:           first, second
#   one id, second enqueued while first runs:            first, first
#   one id, second enqueued while first runs, result_ttl=0: first
#   one id, second enqueued while first runs, unique=True: DuplicateJobError; first
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
if (: >/dev/tcp/127.0.0.1/42657) 2>/dev/null; then echo "port 42657 is in use" >&2; exit 1; fi
LD_LIBRARY_PATH=$(echo "$dir/root"/usr/lib/*-linux-gnu) ./redis-server --port 42657 --bind 127.0.0.1 --save '' --dir "$dir" >log 2>&1 &
server=$!
python3 -m pip install --quiet --target lib --disable-pip-version-check --root-user-action ignore \
  rq==3.0.0 redis==8.1.0 >pip.log 2>&1 || { cat pip.log; exit 1; }
for _ in $(seq 100); do if (: >/dev/tcp/127.0.0.1/42657) 2>/dev/null; then break; fi; sleep 0.1; done
cat >jobs.py <<'PY'
"""What the worker runs, in the process of this program."""
ran = []
enqueue_next = None


def job(name):
    global enqueue_next
    ran.append(name)
    if enqueue_next:
        enqueue, enqueue_next = enqueue_next, None
        enqueue()
PY
cat >ids.py <<'PY'
import logging
import sys

import jobs
from redis import Redis
from rq import Queue, SimpleWorker
from rq.exceptions import DuplicateJobError

logging.disable(logging.CRITICAL)
redis = Redis(port=42657)
as_seen = True


def row(name, ids, running, want, **how):
    global as_seen
    redis.flushall()
    jobs.ran.clear()
    queue = Queue(connection=redis)
    said = []

    def second():
        try:
            queue.enqueue(jobs.job, "second", job_id=ids[1], **how)
        except DuplicateJobError as e:
            said.append(type(e).__name__ + "; ")

    jobs.enqueue_next = second if running else None
    queue.enqueue(jobs.job, "first", job_id=ids[0], **how)
    if not running:
        second()
    SimpleWorker([queue], connection=redis).work(burst=True)
    got = "".join(said) + ", ".join(jobs.ran)
    print(f"{name}: {got}")
    as_seen = as_seen and got == want


row("two ids", "ab", False, "first, second")
row("one id", "aa", False, "second, second")
row("one id, result_ttl=0", "aa", False, "second", result_ttl=0)
row("one id, unique=True", "aa", False, "DuplicateJobError; first", unique=True)
late = "second enqueued while first runs"
row(f"two ids, {late}", "ab", True, "first, second")
row(f"one id, {late}", "aa", True, "first, first")
row(f"one id, {late}, result_ttl=0", "aa", True, "first", result_ttl=0)
row(f"one id, {late}, unique=True", "aa", True, "DuplicateJobError; first", unique=True)
if not as_seen:
    print("changed or broken")
    sys.exit(1)
PY
PYTHONPATH=lib:. timeout 120 python3 ids.py
