#!/usr/bin/env bash
# node-redis 6.3.1 (npm, client-side caching) on Redis 7.0.15, seen 2026-11-30.
#
# The cache of a client knows a value by the command and its arguments, and not by the database. After select(1) a get of a key that was read in
# database 0 is answered from there, until somebody changes the key. Redis tells of a change by the name of the key, in whichever database it
# was, so that a change in 1 mends it. And what the program itself has sent does not count before its answer: a set
# that is not awaited, followed by a get, gives the new value without the cache, since both go by one connection in order, and the old
# one with it.
#
# Guess that it breaks: the page on client-side caching says that results are kept locally and that the server notifies the client when they are
# no longer valid. It names what bypasses the cache, among it multi() and another type mapping; select and a command that is under way are not
# there. Turning it on is one option of createClient and is thought to change how fast reads are. (The README lists Redis from 7.2 on as
# supported; what is seen here comes from the client alone, as the rows without the cache show.)
#
# Seen (without the cache; with it; x is zero in database 0 and one in 1):
#   get in 0, select 1, get:             one; zero
#   the same, after a change of x in 1:  two; two
#   get, set new not awaited, get:       new; zero
#   get, set new awaited, get:           new; new
#   get, multi set new, get inside:      new; new
#
# Needs Node.js with npm, and apt-get (the package is only downloaded).
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
if (: >/dev/tcp/127.0.0.1/42486) 2>/dev/null; then echo "port 42486 is in use" >&2; exit 1; fi
LD_LIBRARY_PATH=$(echo "$dir/root"/usr/lib/*-linux-gnu) ./redis-server --port 42486 --bind 127.0.0.1 --save '' --dir "$dir" >log 2>&1 &
server=$!
for _ in $(seq 300); do (: >/dev/tcp/127.0.0.1/42486) 2>/dev/null && break; sleep 0.1; done
npm init -y >/dev/null
npm install --silent --no-audit --no-fund redis@6.3.1 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >cache.mjs <<'JS'
import { createClient } from 'redis';
import { setTimeout as sleep } from 'node:timers/promises';

const connect = (options = {}) => createClient({ socket: { port: 42486, host: '127.0.0.1' }, RESP: 3, ...options }).connect();
const other = await connect();

const programs = {
  'get in 0, select 1, get': async (redis) => {
    await redis.get('x');
    await redis.select(1);
    return redis.get('x');
  },
  'the same, after a change of x in 1': async (redis) => {
    await redis.get('x');
    await redis.select(1);
    await other.select(1);
    await other.set('x', 'two');
    await sleep(200);
    return redis.get('x');
  },
  'get, set new not awaited, get': async (redis) => {
    await redis.get('x');
    const set = redis.set('x', 'new');
    const seen = await redis.get('x');
    await set;
    return seen;
  },
  'get, set new awaited, get': async (redis) => {
    await redis.get('x');
    await redis.set('x', 'new');
    return redis.get('x');
  },
  'get, multi set new, get inside': async (redis) => {
    await redis.get('x');
    const [, seen] = await redis.multi().set('x', 'new').get('x').exec();
    return seen;
  },
};

async function row(name, want) {
  const got = [];
  for (const clientSideCache of [undefined, { ttl: 0, maxEntries: 0 }]) {
    await other.flushAll();
    for (const [n, value] of ['zero', 'one'].entries()) {
      await other.select(n);
      await other.set('x', value);
    }
    const redis = await connect(clientSideCache ? { clientSideCache } : {});
    got.push(await programs[name](redis));
    redis.destroy();
  }
  console.log(`${name}: ${got.join('; ')}`);
  return got.join('; ') === want;
}

let same = true;
for (const [name, want] of Object.entries({
  'get in 0, select 1, get': 'one; zero',
  'the same, after a change of x in 1': 'two; two',
  'get, set new not awaited, get': 'new; zero',
  'get, set new awaited, get': 'new; new',
  'get, multi set new, get inside': 'new; new',
})) same = (await row(name, want)) && same;
other.destroy();
if (!same) console.log('changed or broken');
process.exit(same ? 0 : 1);
JS
timeout 600 node cache.mjs
