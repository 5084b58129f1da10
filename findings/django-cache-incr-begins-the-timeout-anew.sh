#!/usr/bin/env bash
# Django 5.2.19 (Python, the cache framework), its back ends for files, a database, memory and Redis 7.0.15, seen 2026-11-30.
#
# A counter with a window of 2 s: add("tries", 10, timeout=2), and incr at each try. In memory and in Redis incr leaves the timeout as it is, and
# after 2 s the counter is gone. With the back ends for files and for a database incr is a get and a set, and the set has no timeout of its own:
# the key lives from the last incr on for as long as the cache says by default, and the 2 s are forgotten. The same is so for decr, and
# incr_version gives a key of any of the four the default timeout.
#
# Guess that it breaks: the docs of incr and decr speak of back ends that have none of their own, where it is a retrieve and an update: that a
# count may get lost one knows from them. That the key gets another life they do not say, and touch() is there to change it. What was
# tried in memory is otherwise in production: those who tried too often stay locked out.
#
# Seen (is the key there after its 2 s: after add alone; after one incr; after decr; after incr_version):
#   memory:   gone; gone; gone; there
#   Redis:    gone; gone; gone; there
#   files:    gone; there; there; there
#   database: gone; there; there; there
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
if (: >/dev/tcp/127.0.0.1/42482) 2>/dev/null; then echo "port 42482 is in use" >&2; exit 1; fi
LD_LIBRARY_PATH=$(echo "$dir/root"/usr/lib/*-linux-gnu) ./redis-server --port 42482 --bind 127.0.0.1 --save '' --dir "$dir" >log 2>&1 &
server=$!
for _ in $(seq 300); do (: >/dev/tcp/127.0.0.1/42482) 2>/dev/null && break; sleep 0.1; done
python3 -m pip install --quiet --target lib --disable-pip-version-check --root-user-action ignore \
  django==5.2.19 redis==7.0.1 >pip.log 2>&1 || { cat pip.log; exit 1; }
cat >timeouts.py <<'PY'
import os
import sys
import time

import django
from django.conf import settings

BACKENDS = {
    "memory": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "Redis": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:42482"},
    "files": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": os.path.abspath("files")},
    "database": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache_table"},
}
settings.configure(
    CACHES={"default": BACKENDS["memory"], **BACKENDS},
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}},
    USE_TZ=True,
)
django.setup()

from django.core.cache import caches
from django.core.management import call_command

WINDOW = 2
WANT = {
    "memory": "gone; gone; gone; there",
    "Redis": "gone; gone; gone; there",
    "files": "gone; there; there; there",
    "database": "gone; there; there; there",
}

call_command("createcachetable")
for name in WANT:
    cache = caches[name]
    for key in ("add", "incr", "decr", "version"):
        assert cache.add(key, 10, timeout=WINDOW)
    assert cache.incr("incr") == 11
    assert cache.decr("decr") == 9
    assert cache.incr_version("version") == 2
time.sleep(2 * WINDOW)
as_seen = True
for name, want in WANT.items():
    cache = caches[name]
    left = [cache.get("add"), cache.get("incr"), cache.get("decr"), cache.get("version", version=2)]
    got = "; ".join("gone" if v is None else "there" for v in left)
    print(f"{name}: {got}")
    as_seen = as_seen and got == want
if not as_seen:
    print("changed or broken")
    sys.exit(1)
PY
PYTHONPATH=lib timeout 600 python3 timeouts.py
