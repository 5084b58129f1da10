#!/usr/bin/env bash
# pymemcache 4.0.0 (Python), memcached 1.6.18 (Debian 12), seen 2026-11-29.
#
# Two clients claim a lock with add(), memcached's "store only if absent": both are told True. The server
# stored one of them; the other one's "NOT_STORED" was never sent, since the client asks for no answer
# (noreply) unless told otherwise. So it is with replace, append, touch and delete of a key that is
# absent (True), and with a value that is too large for the server: set says True and nothing is stored.
# cas and incr do ask. With default_noreply=False, as Django's backend sets it, all say what was done.
#
# Guess that it breaks: memcached's protocol text says of add "only if the server doesn't already hold
# data for this key", and it is the usual way to take a lock or to claim a job there; a client returns the
# server's answer, as pylibmc and python-memcached do. The docstring of add does say that the value is
# always True with noreply, and that of the constructor that this is the default; the getting-started
# page and the signature (noreply=None) do not.
#
# Seen (Client, PooledClient and HashClient alike; which of the two holds the lock differs):
#   as it comes:           add True and True, holders 1, replace True, append True, touch True, delete True, large set True but absent, stale cas False
#   default_noreply=False: add True and False, holders 1, replace False, append False, touch False, delete False, large set MemcacheServerError, stale cas False
#
# Needs Python 3 with venv, and apt-get (the packages are only downloaded, nothing is installed).
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; } || true; rm -rf "$dir"' EXIT
cd "$dir"
for p in memcached=1.6.18-1+deb12u1 libevent-2.1-7; do
  apt-get download "$p" >/dev/null 2>&1 || { echo "cannot be downloaded: $p (run apt-get update)" >&2; exit 1; }
done
for d in *.deb; do dpkg-deb -x "$d" unpacked; done
for p in 42633; do if (: >/dev/tcp/127.0.0.1/"$p") 2>/dev/null; then echo "port $p is in use" >&2; exit 1; fi; done
LD_LIBRARY_PATH=$(echo "$dir"/unpacked/usr/lib/*-linux-gnu) unpacked/usr/bin/memcached -u "$(id -un)" -l 127.0.0.1 -p 42633 -U 0 >log 2>&1 &
server=$!
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pymemcache==4.0.0
cat >claim.py <<'PY'
import sys

from pymemcache.client.base import Client, PooledClient
from pymemcache.client.hash import HashClient
from pymemcache.exceptions import MemcacheServerError

SERVER = "127.0.0.1:42633"
MAKERS = {
    "Client": lambda **kw: Client(SERVER, **kw),
    "PooledClient": lambda **kw: PooledClient(SERVER, **kw),
    "HashClient": lambda **kw: HashClient([SERVER], **kw),
}


def said(make, **kw):
    one, two = make(**kw), make(**kw)
    one.flush_all(noreply=False)
    first, second = one.add("lock", "one"), two.add("lock", "two")
    holder = one.get("lock")
    out = [f"add {first} and {second}", f"holders {[b'one', b'two'].count(holder)}"]
    for name, call in {
        "replace": lambda: one.replace("absent", "x"),
        "append": lambda: one.append("absent", "x"),
        "touch": lambda: one.touch("absent", 60),
        "delete": lambda: one.delete("absent"),
    }.items():
        out.append(f"{name} {call()}")
        assert one.get("absent") is None, name
    try:
        large = f"{one.set('large', 'x' * 2_000_000)} but {'absent' if one.get('large') is None else 'there'}"
    except MemcacheServerError as e:
        large = type(e).__name__
    out.append(f"large set {large}")
    one.set("n", "1", noreply=False)
    _, stale = one.gets("n")
    two.set("n", "2", noreply=False)
    out.append(f"stale cas {one.cas('n', '3', stale)}")
    return ", ".join(out)


as_seen = True
for name, make in MAKERS.items():
    for how, kw, want in (
        ("as it comes", {}, "add True and True, holders 1, replace True, append True, touch True, delete True, "
         "large set True but absent, stale cas False"),
        ("default_noreply=False", {"default_noreply": False}, "add True and False, holders 1, replace False, append False, "
         "touch False, delete False, large set MemcacheServerError, stale cas False"),
    ):
        got = said(make, **kw)
        print(f"{name}, {how}: {got}")
        as_seen &= got == want
if not as_seen:
    sys.exit("changed or broken")
PY
for _ in $(seq 50); do (: >/dev/tcp/127.0.0.1/42633) 2>/dev/null && break; sleep 0.2; done
kill -0 "$server" 2>/dev/null || { echo "the server has ended:" >&2; tail log >&2; exit 1; }
venv/bin/python claim.py
