#!/usr/bin/env bash
# Celery 5.7.0 with Kombu 5.7.0 (Python), brokers sqla+sqlite and filesystem, beside Redis 7.0.15;
# seen 2026-11-29.
#
# task_acks_late, a worker that takes one task at a time: it begins a task and is killed. The next
# worker does the tasks that come after it, never this one; so it is with two database-backed and
# durable brokers. With SQLAlchemy the row is there for good with visible = false, which nothing
# sets back; with the file system the file is gone at the moment when it is read. A worker that is
# asked to end (SIGTERM) gives an unacknowledged task back, so a deployment does not show it. With
# Redis as the broker the killed worker's task is done again after the visibility timeout.
#
# Guess that it breaks: the glossary says of late acknowledgment that "the task will be redelivered
# to another worker in the event of the machine losing power, or the worker instance being killed
# mid-execution", and of acknowledged that "failing to acknowledge a message will cause the message
# to be redelivered"; a broker that is a database or a folder keeps what was not acknowledged.
#
# Seen (how often the first task began, and the second, which was sent after the kill, ended):
#   sqla+sqlite: first 1, second 1, rows left: 1 that is not visible
#   filesystem:  first 1, second 1, files left: 0
#   redis:       first 2, second 1
#
# Needs Python 3 with venv, and apt-get (the package is only downloaded, nothing is installed).
set -euo pipefail
dir=$(mktemp -d)
pids=()
stop() {
  for p in "${pids[@]}"; do kill -9 "$p" 2>/dev/null || true; done
  for p in "${pids[@]}"; do wait "$p" 2>/dev/null || true; done
  rm -rf "$dir"
}
trap stop EXIT
cd "$dir"
mkdir deb && (cd deb && for p in redis-tools=5:7.0.15-1~deb12u10 libjemalloc2 liblzf1 libatomic1; do
  apt-get download "$p" >/dev/null 2>&1 || { echo "cannot be downloaded: $p (run apt-get update)" >&2; exit 1; }
done)
for d in deb/*.deb; do dpkg-deb -x "$d" root; done
# The server's program is redis-check-rdb under another name.
cp root/usr/bin/redis-check-rdb redis-server
port=42731
for p in $port; do if (: >/dev/tcp/127.0.0.1/"$p") 2>/dev/null; then echo "port $p is in use" >&2; exit 1; fi; done
LD_LIBRARY_PATH=$(echo "$dir/root"/usr/lib/*-linux-gnu) ./redis-server --port $port --bind 127.0.0.1 --dir "$dir" --save '' >redis.log 2>&1 &
pids+=($!)
python3 -m venv venv
venv/bin/pip -q install celery==5.7.0 kombu==5.7.0 SQLAlchemy==2.1.9 redis==6.4.0 packaging==25.0 2>pip.log || { cat pip.log; exit 1; }
mkdir messages control
cat >app.py <<'PY'
import os
import time

from celery import Celery

app = Celery(broker=os.environ["BROKER"])
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"data_folder_in": "messages", "data_folder_out": "messages", "control_folder": "control"}
    if os.environ["BROKER"].startswith("filesystem") else
    {"visibility_timeout": 3} if os.environ["BROKER"].startswith("redis") else {},
)


def note(line):
    with open(os.environ["NOTES"], "a") as f:
        f.write(line + "\n")


@app.task
def first():
    note("first")
    time.sleep(float(os.environ["LENGTH"]))


@app.task
def second():
    note("second")
PY
export PYTHONDONTWRITEBYTECODE=1 C_FORCE_ROOT=1
worker() { exec venv/bin/celery -A app worker --pool solo --loglevel warning --without-gossip --without-mingle --without-heartbeat >>worker.log 2>&1; }
noted() { grep -c "^$1\$" "$NOTES" 2>/dev/null || true; }
await() { # WHAT HOW-OFTEN: until it is noted that often
  for _ in $(seq 1500); do [ "$(noted "$1")" -ge "$2" ] && return; sleep 0.2; done
  echo "$1 did not come"; tail -5 worker.log; exit 1
}
bad=0
# tried NAME BROKER HOW-OFTEN-THE-FIRST-IS-EXPECTED
tried() {
  export BROKER=$2 NOTES=$dir/$1.notes
  : >"$NOTES"
  venv/bin/python -c 'import app; app.first.delay()'
  LENGTH=600 worker & first=$!
  pids+=($first)
  await first 1
  kill -9 $first
  wait $first 2>/dev/null || true
  venv/bin/python -c 'import app; app.second.delay()'
  LENGTH=0 worker & next=$!
  pids+=($next)
  await second 1
  [ "$3" = 1 ] || await first "$3"
  # Longer than the visibility timeout that is enough for Redis.
  sleep 10
  echo "$1: first $(noted first), second $(noted second)"
  [ "$(noted first) $(noted second)" = "$3 1" ] || bad=1
  kill -9 $next
  wait $next 2>/dev/null || true
}
tried sqla "sqla+sqlite:///$dir/broker.db" 1
left=$(venv/bin/python -c 'import sqlite3; print(sqlite3.connect("broker.db").execute("select count(*) from kombu_message where not visible and payload like ?", ("%app.first%",)).fetchone()[0])')
echo "sqla: rows of the first task that are not visible: $left"
[ "$left" = 1 ] || bad=1
tried filesystem filesystem:// 1
left=$({ grep -l app.first messages/* 2>/dev/null || true; } | wc -l)
echo "filesystem: files of the first task: $left"
[ "$left" = 0 ] || bad=1
tried redis "redis://127.0.0.1:$port/0" 2
[ $bad = 0 ] || { echo 'changed or broken'; exit 1; }
