#!/usr/bin/env bash
# elasticsearch-py 9.5.1 (elastic-transport 9.4.2) and opensearch-py 3.2.0 (PyPI), @elastic/elasticsearch 9.4.3
# (@elastic/transport 9.4.0) and @opensearch-project/opensearch 3.9.0 (npm), against a server that counts, seen 2026-11-29.
#
# A client with nothing set indexes a document without an id, and the connection is lost after the server
# did it and before its answer came: the client sends the POST again, by itself, with no word of it. The
# document is there twice, and four times if the answer is lost each time (then there is an error). A
# scripted update, "n += 1", counts two and four. create() with an id, which is to succeed for one alone, is
# told that the document exists (409): the one who created it takes it for another one's. With
# max_retries=0 (maxRetries: 0) each is sent once and a lost answer is an error.
#
# Guess that it breaks: all four have a switch for timeouts (retry_on_timeout, retryOnTimeout), off by
# default, so that what may have been done is not sent again; a connection that ends in the place of an
# answer leaves exactly that open. The docstring of the transport in elastic-transport 9.4.2 says of
# max_retries "Defaults to 0"; its default is 3.
#
# Seen (what is stored, and what the caller is told; the answer lost once, then always):
#   all four clients: index: 2, created; 4, ConnectionError; increment: 2, updated; 4, ConnectionError; create: 1, 409
#   without retries:  index: 1, ConnectionError; 1, ConnectionError; increment: the same; create: 1, ConnectionError
#
# The server here is forty lines that answer as the real ones do; what is seen is what the clients send.
# Needs Python 3 with venv, and Node.js with npm.
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; } || true; rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check elasticsearch==9.5.1 elastic-transport==9.4.2 opensearch-py==3.2.0
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @elastic/elasticsearch@9.4.3 @elastic/transport@9.4.0 @opensearch-project/opensearch@3.9.0 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >server.py <<'PY'
"""Stores documents in memory; the first answers to writes after POST /lose/N are not sent: the connection ends."""
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

state = {"lose": 0, "documents": 0, "n": 0, "created": 0}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, body, write = 200, dict(state), True
        if self.path.startswith("/lose/"):
            state.update(lose=int(self.path.rsplit("/", 1)[1]), documents=0, n=0, created=0)
            write = False
        elif "_create" in self.path or "op_type=create" in self.path:
            status, body = (409, {"error": {"type": "version_conflict_engine_exception"}, "status": 409}) \
                if state["created"] else (201, {"_id": "1", "result": "created"})
            state["created"] = 1
        elif "_update" in self.path:
            state["n"] += 1
            body = {"_id": "1", "result": "updated"}
        elif "_doc" in self.path:
            state["documents"] += 1
            status, body = 201, {"_id": str(state["documents"]), "result": "created"}
        else:
            write = False
        if write and state["lose"] > 0:
            state["lose"] -= 1
            self.close_connection = True
            return
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = answer

    def log_message(self, *args):
        pass


ThreadingHTTPServer(("127.0.0.1", 42637), Handler).serve_forever()
PY
cat >clients.py <<'PY'
import json
import sys
import urllib.request

import elasticsearch
import opensearchpy

URL = "http://127.0.0.1:42637"


def server(path, method):
    with urllib.request.urlopen(urllib.request.Request(URL + path, method=method)) as r:
        return json.load(r)


def told(call):
    try:
        return call()["result"]
    except (elasticsearch.ApiError, opensearchpy.exceptions.ConflictError) as e:
        return str(e.status_code)
    except (elasticsearch.ConnectionError, opensearchpy.exceptions.ConnectionError):
        return "ConnectionError"


def seen(client, body):
    def stored(call, what, lose):
        server(f"/lose/{lose}", "POST")
        said = told(call)
        return f"{server('/state', 'GET')[what]}, {said}"

    script = {"script": {"source": "ctx._source.n += 1"}}
    index = lambda: client.index(index="i", **{body: {"n": 1}})
    add = lambda: client.update(index="i", id="1", **(script if body == "document" else {"body": script}))
    create = lambda: client.create(index="i", id="1", **{body: {"n": 1}})
    return (f"index: {stored(index, 'documents', 1)}; {stored(index, 'documents', 100)}; "
            f"increment: {stored(add, 'n', 1)}; {stored(add, 'n', 100)}; create: {stored(create, 'created', 1)}")


RETRIED = "index: 2, created; 4, ConnectionError; increment: 2, updated; 4, ConnectionError; create: 1, 409"
ONCE = ("index: 1, ConnectionError; 1, ConnectionError; increment: 1, ConnectionError; 1, ConnectionError; "
        "create: 1, ConnectionError")
as_seen = True
for name, make, body in (
    ("elasticsearch-py", elasticsearch.Elasticsearch, "document"),
    ("opensearch-py", opensearchpy.OpenSearch, "body"),
):
    for how, kw, want in (("", {}, RETRIED), (", max_retries=0", {"max_retries": 0}, ONCE)):
        got = seen(make(URL, **kw), body)
        print(f"{name}{how}: {got}")
        as_seen &= got == want
if not as_seen:
    sys.exit("changed or broken")
PY
cat >clients.mjs <<'JS'
import { Client as Elastic } from '@elastic/elasticsearch';
import { Client as OpenSearch } from '@opensearch-project/opensearch';

const node = 'http://127.0.0.1:42637';
const server = async (path, method) => (await fetch(node + path, { method })).json();

async function told(call) {
  try {
    const r = await call();
    return (r.body ?? r).result;
  } catch (e) {
    return e.name === 'ResponseError' ? String(e.statusCode) : e.name;
  }
}

async function seen(client, wrap) {
  const stored = async (call, what, lose) => {
    await server(`/lose/${lose}`, 'POST');
    const said = await told(call);
    return `${(await server('/state', 'GET'))[what]}, ${said}`;
  };
  const script = { script: { source: 'ctx._source.n += 1' } };
  const index = () => client.index({ index: 'i', ...wrap({ n: 1 }) });
  const add = () => client.update({ index: 'i', id: '1', ...(wrap({}).body ? { body: script } : script) });
  const create = () => client.create({ index: 'i', id: '1', ...wrap({ n: 1 }) });
  return `index: ${await stored(index, 'documents', 1)}; ${await stored(index, 'documents', 100)}; `
    + `increment: ${await stored(add, 'n', 1)}; ${await stored(add, 'n', 100)}; create: ${await stored(create, 'created', 1)}`;
}

const retried = 'index: 2, created; 4, ConnectionError; increment: 2, updated; 4, ConnectionError; create: 1, 409';
const once = 'index: 1, ConnectionError; 1, ConnectionError; increment: 1, ConnectionError; 1, ConnectionError; '
  + 'create: 1, ConnectionError';
let asSeen = true;
for (const [name, Client, wrap] of [
  ['@elastic/elasticsearch', Elastic, (document) => ({ document })],
  ['@opensearch-project/opensearch', OpenSearch, (body) => ({ body })],
]) {
  for (const [how, options, want] of [['', {}, retried], [', maxRetries: 0', { maxRetries: 0 }, once]]) {
    const client = new Client({ node, ...options });
    const got = await seen(client, wrap);
    await client.close();
    console.log(`${name}${how}: ${got}`);
    asSeen &&= got === want;
  }
}
if (!asSeen) {
  console.log('changed or broken');
  process.exit(1);
}
JS
for p in 42637; do if (: >/dev/tcp/127.0.0.1/"$p") 2>/dev/null; then echo "port $p is in use" >&2; exit 1; fi; done
venv/bin/python server.py 2>server.log &
server=$!
for _ in $(seq 100); do (: >/dev/tcp/127.0.0.1/42637) 2>/dev/null && break; sleep 0.1; done
kill -0 "$server" 2>/dev/null || { echo "the server has ended:" >&2; tail server.log >&2; exit 1; }
venv/bin/python clients.py
node clients.mjs
