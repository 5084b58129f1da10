#!/usr/bin/env bash
# python-memcached 1.62 (Python, module memcache), memcached 1.6.18 (Debian 12), seen 2026-12-01.
#
# Two clients read a number with gets, each adds one and writes it back with cas. Both are told True, and one addition is lost. The client keeps
# the token that gets has brought only if it was made with cache_cas=True; without a token cas sends a plain set. With cache_cas=True the second
# of the two is refused, as it should be. But not if the key was absent when both of them looked: there is no token of an absent key, so each
# sends a set, and both hold the lock, or count from nothing, that only one can have. So it is after an eviction and a restart of the server, where a
# counter that was right is absent for all at once; and after reset_cas(), which is to be called now and then, between a gets and its cas.
#
# Guess that it breaks: the docstring of cas says that it sets the key "if it hasn't been altered since last fetched", with "see gets", and that of gets that
# it is used in conjunction with cas. That of cache_cas says that "cas operations will be cached", and warns of memory; who reads that leaves it off.
# A cas whose token is missing could raise; pymemcache, whose cas has the token as an argument, does. For an absent key one expects NOT_FOUND, which is the server's
# answer to a cas of one.
#
# Seen (what the two cas say; the value afterwards, where 0 and two additions of one should leave 2, or 1 with one of the two refused):
#   as it comes, the key is there:            True and True; 1
#   cache_cas=True, the key is there:         True and False; 1
#   cache_cas=True, the key is absent:        True and True; 1
#   cache_cas=True, reset_cas between:        True and True; 1
#   pymemcache 4.0.0, the key is there:       True and False; 1
#   pymemcache 4.0.0, the key is absent:      an error and an error; none
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
for p in 42701; do if (: >/dev/tcp/127.0.0.1/"$p") 2>/dev/null; then echo "port $p is in use" >&2; exit 1; fi; done
LD_LIBRARY_PATH=$(echo "$dir"/unpacked/usr/lib/*-linux-gnu) unpacked/usr/bin/memcached -u "$(id -un)" -l 127.0.0.1 -p 42701 -U 0 >log 2>&1 &
server=$!
for _ in $(seq 100); do (: >/dev/tcp/127.0.0.1/42701) 2>/dev/null && break; sleep 0.1; done
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check python-memcached==1.62 pymemcache==4.0.0
cat >add.py <<'PY'
import sys

import memcache
from pymemcache.client.base import Client
from pymemcache.exceptions import MemcacheError

HOST, PORT = "127.0.0.1", 42701


class Other:
    """pymemcache, with a cas that takes the token of the last gets."""

    def __init__(self):
        self.client = Client((HOST, PORT))

    def gets(self, key):
        value, self.token = self.client.gets(key)
        return value

    def cas(self, key, value):
        try:
            return self.client.cas(key, str(value), self.token, noreply=False)
        except (MemcacheError, ValueError, TypeError):
            return "an error"


def ours(**options):
    return lambda: memcache.Client([f"{HOST}:{PORT}"], **options)


def run(make, present, between):
    admin = Client((HOST, PORT))
    admin.flush_all(noreply=False)
    if present:
        admin.set("n", "0", noreply=False)
    clients = [make(), make()]
    values = [int(c.gets("n") or 0) for c in clients]
    if between:
        for c in clients:
            between(c)
    said = [c.cas("n", v + 1) for c, v in zip(clients, values)]
    left = admin.get("n")
    return f"{' and '.join(s if isinstance(s, str) else str(bool(s)) for s in said)}; {left.decode() if left else 'none'}"


as_seen = True
for name, make, present, between, want in [
    ("as it comes, the key is there", ours(), True, None, "True and True; 1"),
    ("cache_cas=True, the key is there", ours(cache_cas=True), True, None, "True and False; 1"),
    ("cache_cas=True, the key is absent", ours(cache_cas=True), False, None, "True and True; 1"),
    ("cache_cas=True, reset_cas between", ours(cache_cas=True), True, lambda c: c.reset_cas(), "True and True; 1"),
    ("pymemcache 4.0.0, the key is there", Other, True, None, "True and False; 1"),
    ("pymemcache 4.0.0, the key is absent", Other, False, None, "an error and an error; none"),
]:
    got = run(make, present, between)
    print(f"{name}: {got}")
    as_seen = as_seen and got == want
if not as_seen:
    print("changed or broken")
    sys.exit(1)
PY
timeout 60 venv/bin/python add.py
