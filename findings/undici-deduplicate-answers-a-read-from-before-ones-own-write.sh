#!/usr/bin/env bash
# undici 7.30.2 (npm) on Node.js 20, seen 2026-11-30.
#
# A program has a GET of a number on the way, puts 2 in place of 1, waits for the answer of its PUT, and gets the number
# again. With the interceptor deduplicate it is given 1: the second GET is the same as the one on the way, whose
# answer the server has made before the PUT, and is not sent. Without the interceptor it is 2, and so where the first
# GET has ended, or the second has another header. A PUT through the same dispatcher, to the same URL, changes nothing of
# what a later GET may join, while the interceptor cache of the same package, as HTTP asks of a cache, throws away what it
# has of a URL after a PUT to it.
#
# Guess that it breaks: "deduplicates concurrent identical requests" sounds as if nothing but load were different. The
# second GET is begun after the end of a write of the same client, and one that reads its own writes without the
# interceptor, as any client of a single server does, does not with it.
#
# Seen (the server answers the first GET late, with the number that it has read before the PUT; GET, GET after the PUT; reads):
#   first GET on the way, no interceptor:                1, 2; 2
#   first GET on the way, deduplicate:                   1, 1; 1
#   first GET on the way, deduplicate, second with another header: 1, 2; 2
#   first GET has ended, deduplicate:                    1, 2; 2
#   first GET has ended, cache:                          1, 2; 2
#   first GET has ended, cache, no PUT between:          1, 1; 1
#
# Needs Node.js with npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --ignore-scripts undici@7.30.2 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >reads.mjs <<'JS'
import { once } from 'node:events';
import http from 'node:http';
import { Agent, interceptors, request } from 'undici';

let same = true;
async function row(name, { interceptor, ended, header, put = true }, want) {
  let number = 1;
  let reads = 0;
  let read;
  const firstRead = new Promise((resolve) => { read = resolve; });
  let release;
  const released = new Promise((resolve) => { release = resolve; });
  const server = http.createServer(async (req, res) => {
    if (req.method === 'PUT') {
      for await (const part of req) number = Number(part);
      res.end();
      return;
    }
    const answer = String(number);
    if (++reads === 1) {
      read();
      await released;
    }
    res.setHeader('Cache-Control', 'max-age=60');
    res.end(answer);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${server.address().port}/number`;
  const agent = new Agent();
  const dispatcher = interceptor ? agent.compose(interceptor()) : agent;
  const send = async (options) => (await request(url, { dispatcher, ...options })).body.text();

  const first = send({});
  await firstRead;
  if (ended) {
    release();
    await first;
  }
  if (put) await send({ method: 'PUT', body: '2' });
  // Whether it joins another one is decided in the call.
  const second = send({ headers: header ? { 'x-turn': 'second' } : {} });
  release();
  const got = `${await first}, ${await second}; ${reads}`;
  console.log(`${name}: ${got}`);
  same = same && got === want;
  await agent.close();
  server.close();
}

const { cache, deduplicate } = interceptors;
await row('first GET on the way, no interceptor', {}, '1, 2; 2');
await row('first GET on the way, deduplicate', { interceptor: deduplicate }, '1, 1; 1');
await row('first GET on the way, deduplicate, second with another header', { interceptor: deduplicate, header: true }, '1, 2; 2');
await row('first GET has ended, deduplicate', { interceptor: deduplicate, ended: true }, '1, 2; 2');
await row('first GET has ended, cache', { interceptor: cache, ended: true }, '1, 2; 2');
await row('first GET has ended, cache, no PUT between', { interceptor: cache, ended: true, put: false }, '1, 1; 1');
if (!same) console.log('changed or broken');
process.exit(same ? 0 : 1);
JS
timeout 60 node reads.mjs
