#!/usr/bin/env bash
# fakeredis 2.41.0 (Python, the stand-in of Redis for tests) beside Redis 7.0.15 (Debian 12), seen 2026-11-29.
#
# A worker guards its write by its lease: WATCH lease, GET lease (its own), and, after the lease has expired,
# MULTI, SET, EXEC. Redis answers EXEC with nil, for a watched key that expired counts as changed; against
# fakeredis the write is carried out, though GET says by then that the lease is gone. So with SWAPDB. Of about 40
# things that others did between WATCH and EXEC, tried with both, these two differ; here stand a few.
#
# Guess that it breaks: Redis' page "Transactions": since 6.0.9 an expired key aborts the transaction; a lease
# that ends is what WATCH is used for in such code. The test that a late worker writes nothing fails, or is
# written with a DEL in the place of the expiry and passes for both.
#
# Seen (what EXEC does):
#   lease expired, SWAPDB:                    fakeredis: executed, Redis: WatchError
#   lease deleted, taken by another, FLUSHDB: fakeredis: WatchError, Redis: WatchError
#   lease left alone:                         fakeredis: executed, Redis: executed
#
# Needs Python 3 with venv, and apt-get (the packages are only downloaded, nothing is installed).
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; } || true; rm -rf "$dir"' EXIT
cd "$dir"
mkdir deb && (cd deb && for p in redis-tools=5:7.0.15-1~deb12u10 libjemalloc2 liblzf1 libatomic1; do
  apt-get download "$p" >/dev/null 2>&1 || { echo "cannot be downloaded: $p (run apt-get update)" >&2; exit 1; }
done)
for d in deb/*.deb; do dpkg-deb -x "$d" unpacked; done
# The server's program is redis-check-rdb under another name.
cp unpacked/usr/bin/redis-check-rdb redis-server
for p in 42638; do if (: >/dev/tcp/127.0.0.1/"$p") 2>/dev/null; then echo "port $p is in use" >&2; exit 1; fi; done
LD_LIBRARY_PATH=$(echo "$dir"/unpacked/usr/lib/*-linux-gnu) ./redis-server --port 42638 --bind 127.0.0.1 --save '' --dir "$dir" >log 2>&1 &
server=$!
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check fakeredis==2.41.0 redis==8.1.0
cat >watch.py <<'PY'
import sys
import time

import fakeredis
import redis

FAKE = fakeredis.FakeServer()
SERVERS = {"fakeredis": lambda: fakeredis.FakeRedis(server=FAKE), "Redis": lambda: redis.Redis(port=42638)}


def expire(other):
    """Waits until the lease of 2 s is gone, as the server itself says."""
    while other.get("lease") is not None:
        time.sleep(0.01)


CASES = {
    "lease expired": (expire, "executed", "WatchError"),
    "SWAPDB": (lambda other: other.swapdb(0, 1), "executed", "WatchError"),
    "lease deleted": (lambda other: other.delete("lease"), "WatchError", "WatchError"),
    "lease taken by another": (lambda other: other.set("lease", "other"), "WatchError", "WatchError"),
    "FLUSHDB": (lambda other: other.flushdb(), "WatchError", "WatchError"),
    "lease left alone": (lambda other: None, "executed", "executed"),
}


def run(connect, meanwhile, ttl):
    worker, other = connect(), connect()
    worker.flushall()
    worker.set("lease", "mine", px=ttl)
    pipe = worker.pipeline()
    pipe.watch("lease")
    if pipe.get("lease") != b"mine":
        raise SystemExit("the lease was over before it was looked at; run again")
    meanwhile(other)
    pipe.multi()
    pipe.set("account", "late")
    try:
        pipe.execute()
    except redis.WatchError:
        return "WatchError"
    return "executed"


as_seen = True
for name, (meanwhile, fake, real) in CASES.items():
    ttl = 2000 if meanwhile is expire else 600_000
    got = {server: run(connect, meanwhile, ttl) for server, connect in SERVERS.items()}
    print(f"{name}: {', '.join(f'{server}: {what}' for server, what in got.items())}")
    as_seen &= got == {"fakeredis": fake, "Redis": real}
if not as_seen:
    sys.exit("changed or broken")
PY
for _ in $(seq 50); do (: >/dev/tcp/127.0.0.1/42638) 2>/dev/null && break; sleep 0.2; done
kill -0 "$server" 2>/dev/null || { echo "the server has ended:" >&2; tail log >&2; exit 1; }
venv/bin/python watch.py
