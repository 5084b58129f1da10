#!/usr/bin/env bash
# persist-queue 1.1.0 (Python), SQLiteAckQueue, seen 2026-11-29.
#
# A queue with acknowledgements, of three jobs. A worker gets the first and works on it. A second worker
# opens the queue: it is given the first job too, which neither was acknowledged nor given back; and a third
# worker once more. By opening, everything that anybody has in hand becomes ready again (auto_resume, which is
# on). So a worker that is started, or a tool that opens the queue to look at it, lets all jobs in hand run
# again. With auto_resume=False the second gets the second job.
#
# Guess that it breaks: a job that was handed out is hidden until it is acknowledged or given back, or its
# worker is known to be gone; "thread-safe, disk-based queue implementations that survive process crashes"
# (README), whose section "Acknowledgment Queue" has get, ack, nack and ack_failed and does not name
# auto_resume. What is resumed after a crash is what the one that crashed had.
#
# Seen (the job that each worker gets, in the order of the opening; then what the first one gets next):
#   as it comes:        first 1, second 1, third 1; next 2, 3, nothing
#   auto_resume=False:  first 1, second 2, third 3; next nothing
#   in other processes: first 1, second 1
#
# Needs Python 3 with venv.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check persist-queue==1.1.0
cat >workers.py <<'PY'
import subprocess
import sys
import tempfile

from persistqueue import SQLiteAckQueue
from persistqueue.exceptions import Empty

SECOND = "import sys; from persistqueue import SQLiteAckQueue; print(SQLiteAckQueue(sys.argv[1]).get(block=False))"


def get(queue):
    try:
        return str(queue.get(block=False))
    except Empty:
        return "nothing"


def filled():
    path = tempfile.mkdtemp(dir=".")
    queue = SQLiteAckQueue(path, multithreading=True)
    for job in (1, 2, 3):
        queue.put(job)
    return path, queue


def run(**kw):
    path, first = filled()
    said = [f"first {get(first)}"]
    others = []
    for name in ("second", "third"):
        others.append(SQLiteAckQueue(path, multithreading=True, **kw))
        said.append(f"{name} {get(others[-1])}")
    following = []
    while not following or following[-1] != "nothing":
        following.append(get(first))
    return f"{', '.join(said)}; next {', '.join(following)}"


as_seen = True
for name, kw, want in (
    ("as it comes", {}, "first 1, second 1, third 1; next 2, 3, nothing"),
    ("auto_resume=False", {"auto_resume": False}, "first 1, second 2, third 3; next nothing"),
):
    got = run(**kw)
    print(f"{name}: {got}")
    as_seen &= got == want
path, queue = filled()
got = f"first {get(queue)}, second {subprocess.check_output([sys.executable, '-c', SECOND, path], text=True).strip()}"
print(f"in other processes: {got}")
as_seen &= got == "first 1, second 1"
if not as_seen:
    sys.exit("changed or broken")
PY
venv/bin/python workers.py
