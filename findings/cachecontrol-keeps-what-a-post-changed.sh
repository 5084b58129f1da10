#!/usr/bin/env bash
# CacheControl 0.14.4, requests-cache 1.3.3 and hishel 2.0.0 (PyPI, HTTP caches), seen 2026-11-29.
#
# A client with an HTTP cache reads a resource, changes it with a POST that is answered 200, and reads it
# again: CacheControl gives it the value from before its own write, for as long as the first response is
# fresh (max-age=3600 here), though PUT, PATCH and DELETE make it ask the server. requests-cache, told to
# go by Cache-Control, gives the old value after all four. hishel with rfc=True asks the server after each.
#
# Guess that it breaks: RFC 9111, 4.4: a cache MUST invalidate the target URI when a request that is not
# safe gets an answer that is no error; this is what lets a client read its own writes. CacheControl
# calls itself a port of httplib2's caching; its issue 216 asked for PATCH and POST in the list
# of invalidating methods and was closed when PATCH was in it. The pages of requests-cache speak of
# Cache-Control for the expiration.
#
# Seen (the read after the write):
#   CacheControl: POST stale, PUT fresh, PATCH fresh, DELETE fresh
#   requests-cache: POST stale, PUT stale, PATCH stale, DELETE stale
#   hishel, rfc=True: POST fresh, PUT fresh, PATCH fresh, DELETE fresh
#
# Needs Python 3.10 or later with venv.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv v
v/bin/pip -q install cachecontrol==0.14.4 requests-cache==1.3.3 'hishel[httpx]==2.0.0' requests==2.34.2 httpx==0.28.1
cat >probe.py <<'PY'
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import hishel.httpx
import requests
import requests_cache
from cachecontrol import CacheControl

METHODS = ("POST", "PUT", "PATCH", "DELETE")
server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)


class Resource(BaseHTTPRequestHandler):
    """A number that each write makes greater by one, and that a read may keep for an hour."""

    number = 0
    reads = 0

    def answer(self, fresh):
        body = str(Resource.number).encode()
        self.send_response(200)
        self.send_header("Cache-Control", fresh)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        Resource.reads += 1
        self.answer("max-age=3600")

    def write(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        Resource.number += 1
        self.answer("no-store")

    do_POST = do_PUT = do_PATCH = do_DELETE = write

    def log_message(self, *_):
        pass


def after(name, client):
    said = []
    for method in METHODS:
        client.get(url)
        reads = Resource.reads
        client.get(url)
        assert Resource.reads == reads, "the second read is not from the cache"
        client.request(method, url, data={"x": "1"}).raise_for_status()
        said.append(f"{method} {'fresh' if client.get(url).text == str(Resource.number) else 'stale'}")
    return f"{name}: {', '.join(said)}"


server.RequestHandlerClass = Resource
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/number"
print(after("CacheControl", CacheControl(requests.Session())))
print(after("requests-cache", requests_cache.CachedSession(backend="memory", cache_control=True)))
with hishel.httpx.CacheClient(rfc=True) as client:
    print(after("hishel, rfc=True", client))
server.shutdown()
PY
out=$(v/bin/python probe.py)
echo "$out"
diff <(echo "$out") - <<'SEEN' || { echo "changed: see the first lines of this file"; exit 1; }
CacheControl: POST stale, PUT fresh, PATCH fresh, DELETE fresh
requests-cache: POST stale, PUT stale, PATCH stale, DELETE stale
hishel, rfc=True: POST fresh, PUT fresh, PATCH fresh, DELETE fresh
SEEN
