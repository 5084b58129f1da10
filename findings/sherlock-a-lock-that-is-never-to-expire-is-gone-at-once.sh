#!/usr/bin/env bash
# sherlock 0.4.1 (Python, distributed locks), RedisLock, with redis-py 8.1.0 on Redis 7.0.15, seen 2026-12-01.
#
# A lock is made with expire=None, that it may be held for as long as the work takes. acquire() gives True to everybody: two have it, ten have it, and
# locked() says that nobody has. release() says to each of them that it is not the holder. What stands for "never" is -1; the script in Redis compares it
# with a number, its arguments are strings, and so the key is given a life of -1 s, which removes it. With expire=60, or with nothing
# said, which is 60 s, the second is refused.
#
# Guess that it breaks: "If explicitly set to None, lock will not expire", says the parameter, and the first example of the README configures the
# whole program so, to "never expire locks". Nobody is told anything until the release, and one program alone works as ever.
#
# Seen (the first acquire; the second, while the first holds; locked; what the first one's release says):
#   expire=60:    True; False; True; released
#   expire=None:  True; True; False; LockException
#   configured:   True; True; False; LockException
#
# Needs Python 3.9 or later with pip, and apt-get (the package is only downloaded).
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
if (: >/dev/tcp/127.0.0.1/42490) 2>/dev/null; then echo "port 42490 is in use" >&2; exit 1; fi
LD_LIBRARY_PATH=$(echo "$dir/root"/usr/lib/*-linux-gnu) ./redis-server --port 42490 --bind 127.0.0.1 --save '' --dir "$dir" >log 2>&1 &
server=$!
for _ in $(seq 300); do (: >/dev/tcp/127.0.0.1/42490) 2>/dev/null && break; sleep 0.1; done
python3 -m pip install --quiet --target lib --disable-pip-version-check --root-user-action ignore \
  sherlock==0.4.1 redis==8.1.0 >pip.log 2>&1 || { cat pip.log; exit 1; }
cat >never.py <<'PY'
import sys

import redis
import sherlock

client = redis.Redis(port=42490)


def trial(name, **options):
    first, second = (sherlock.RedisLock(name, client=client, **options) for _ in range(2))
    got = [first.acquire(blocking=False), second.acquire(blocking=False), first.locked()]
    for lock in (first, second):
        try:
            lock.release()
            got.append("released")
        except sherlock.LockException:
            got.append("LockException")
        # The object would try again when it is collected.
        lock._owner = None
    return "; ".join(str(x) for x in got[:4])


as_seen = True
for name, options, want in (
    ("expire=60", {"expire": 60}, "True; False; True; released"),
    ("expire=None", {"expire": None}, "True; True; False; LockException"),
    ("configured", {}, "True; True; False; LockException"),
):
    if name == "configured":
        sherlock.configure(expire=None)
    got = trial(name, **options)
    print(f"{name}: {got}")
    as_seen = as_seen and got == want
if not as_seen:
    print("changed or broken")
    sys.exit(1)
PY
PYTHONPATH=lib timeout 120 python3 never.py
