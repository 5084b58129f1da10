#!/usr/bin/env bash
# ioredis 6.0.0 (Node.js) with enableAutoPipelining, on Redis 7.0.15, seen 2026-11-30.
#
# On one connection commands are carried out in the order in which they were called; so it is without the option. With it they are
# collected, and sent in a later turn of the event loop, while multi, select, info and a few others go out at once. What was called
# later comes first: a set before a select is stored in the database that was selected after it, and the one meant has nothing;
# a multi reads the value from before the set that was called before it, and what the multi wrote is overwritten by it. Nothing
# fails. It is the same some turns later, while a collected pipeline has no answer yet.
#
# Guess that it breaks: the README says that all commands of one turn of the event loop are put into a pipeline, all new ones into the next, and that nothing else in
# the code need be changed. Of commands that are left out, and of order, it says nothing; the option is there to make it faster. Whoever awaits each
# command does not see it: it takes two requests of a program that share a client, or a write that nobody waits for.
#
# Seen (without the option; with it):
#   set x, select 1:                     x is in database 0; x is in database 1
#   set x to 1, multi get x:             the multi sees 1; the multi sees nothing
#   set x to 1, multi set x to 2:        x is 2; x is 1
#   incr x, multi del x:                 x is gone; x is 1
#   set x to 1, pipeline get x:          the pipeline sees 1; the pipeline sees nothing
#   the first with a timer between:      x is in database 0; x is in database 1
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
if (: >/dev/tcp/127.0.0.1/42481) 2>/dev/null; then echo "port 42481 is in use" >&2; exit 1; fi
LD_LIBRARY_PATH=$(echo "$dir/root"/usr/lib/*-linux-gnu) ./redis-server --port 42481 --bind 127.0.0.1 --save '' --dir "$dir" >log 2>&1 &
server=$!
npm init -y >/dev/null
npm install --silent --no-audit --no-fund ioredis@6.0.0 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >order.js <<'JS'
const { setTimeout: sleep } = require('timers/promises');
const { Redis } = require('ioredis');

const other = new Redis(42481, '127.0.0.1');

/** Which of two databases has x. */
async function where() {
  const found = [];
  for (const n of [0, 1]) {
    await other.select(n);
    if (await other.exists('x')) found.push(n);
  }
  return `x is in database ${found}`;
}

/** Each calls two things on its client and waits only then. */
const programs = {
  'set x, select 1': async (redis) => {
    await Promise.all([redis.set('x', '1'), redis.select(1)]);
    return where();
  },
  'set x to 1, multi get x': async (redis) => {
    const [, [[, seen]]] = await Promise.all([redis.set('x', '1'), redis.multi().get('x').exec()]);
    return `the multi sees ${seen ?? 'nothing'}`;
  },
  'set x to 1, multi set x to 2': async (redis) => {
    await Promise.all([redis.set('x', '1'), redis.multi().set('x', '2').exec()]);
    return `x is ${await redis.get('x')}`;
  },
  'incr x, multi del x': async (redis) => {
    await Promise.all([redis.incr('x'), redis.multi().del('x').exec()]);
    return `x is ${(await redis.get('x')) ?? 'gone'}`;
  },
  'set x to 1, pipeline get x': async (redis) => {
    const [, [[, seen]]] = await Promise.all([redis.set('x', '1'), redis.pipeline().get('x').exec()]);
    return `the pipeline sees ${seen ?? 'nothing'}`;
  },
  'the first with a timer between': async (redis) => {
    const slow = redis.blpop('nothing', 1);
    await sleep(100);
    const set = redis.set('x', '1');
    await sleep(100);
    await Promise.all([slow, set, redis.select(1)]);
    return where();
  },
};

async function row(name, want) {
  const got = [];
  for (const enableAutoPipelining of [false, true]) {
    await other.flushall();
    const redis = new Redis(42481, '127.0.0.1', { enableAutoPipelining });
    await redis.ping();
    got.push(await programs[name](redis));
    redis.disconnect();
  }
  console.log(`${name}: ${got.join('; ')}`);
  return got.join('; ') === want;
}

(async () => {
  let same = true;
  for (const [name, want] of Object.entries({
    'set x, select 1': 'x is in database 0; x is in database 1',
    'set x to 1, multi get x': 'the multi sees 1; the multi sees nothing',
    'set x to 1, multi set x to 2': 'x is 2; x is 1',
    'incr x, multi del x': 'x is gone; x is 1',
    'set x to 1, pipeline get x': 'the pipeline sees 1; the pipeline sees nothing',
    'the first with a timer between': 'x is in database 0; x is in database 1',
  })) same = (await row(name, want)) && same;
  other.disconnect();
  if (!same) console.log('changed or broken');
  process.exit(same ? 0 : 1);
})();
JS
timeout 600 node order.js
