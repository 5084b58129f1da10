#!/usr/bin/env bash
# simple-redis-mutex 3.0.0 (npm) with node-redis 6.3.1 on Redis 7.0.15, seen 2026-12-01.
#
# Each lock comes with a fencing token, a number that grows, so that what is written under the lock can be refused if it comes from a holder whose
# lock has run out. The token is fetched after the lock was got, by a command of its own. The first holder is held up between the two, for as
# long as a collection of garbage or a slow network may take; its lock runs out, the second one gets the lock and its token, writes, and then the
# first one goes on: it is told that it has the lock, and has the greater token of the two. A store that keeps the greatest
# token it has seen takes its write, over the one of the rightful holder. Where the holder is held up after that all is right.
#
# Guess that it breaks: a pause is what a fencing token is there for, and the property has the name that is known from the literature, where the token belongs
# to the grant of the lock. Both commands are in one call, and a trial that pauses can only do so behind it.
#
# Seen (who is told that it has the lock; whose token is greater; what a store that compares tokens has in the end):
#   a pause behind the call:    first, second; second; written by second
#   a pause within the call:    first, second; first; written by first
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
if (: >/dev/tcp/127.0.0.1/42491) 2>/dev/null; then echo "port 42491 is in use" >&2; exit 1; fi
LD_LIBRARY_PATH=$(echo "$dir/root"/usr/lib/*-linux-gnu) ./redis-server --port 42491 --bind 127.0.0.1 --save '' --dir "$dir" >log 2>&1 &
server=$!
for _ in $(seq 300); do (: >/dev/tcp/127.0.0.1/42491) 2>/dev/null && break; sleep 0.1; done
npm init -y >/dev/null
npm install --silent --no-audit --no-fund simple-redis-mutex@3.0.0 redis@6.3.1 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >fencing.mjs <<'JS'
import { createClient } from 'redis';
import mutex from 'simple-redis-mutex';

const client = createClient({ url: 'redis://127.0.0.1:42491' });
await client.connect();

/** The client as one whose next command of that name is kept back until the gate is opened. */
function heldUp(command) {
    let open;
    let reached;
    const gate = new Promise((resolve) => (open = resolve));
    const there = new Promise((resolve) => (reached = resolve));
    const held = new Proxy(client, {
        get(target, name) {
            const value = target[name];
            if (typeof value !== 'function') return value;
            if (name !== command) return value.bind(target);
            return async (...args) => {
                reached();
                await gate;
                return value.apply(target, args);
            };
        },
    });
    return { held, open, there };
}

async function gone(name) {
    while (await client.exists(`@simple-redis-mutex:lock-${name}`)) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function trial(name, within) {
    const { held, open, there } = heldUp('incr');
    const first = mutex.tryLock(within ? held : client, name, { timeout: 300 });
    await (within ? there : first);
    await gone(name);
    const second = await mutex.tryLock(client, name, { timeout: 60_000 });

    // What the lock is for: a store that takes no write with a token less than the greatest it has seen.
    const store = { token: 0, by: 'nobody' };
    const write = (by, [has, release]) => {
        if (has && release.fencingToken > store.token) Object.assign(store, { token: release.fencingToken, by });
    };
    write('second', second);
    open();
    const late = await first;
    write('first', late);

    const told = [late[0] && 'first', second[0] && 'second'].filter(Boolean).join(', ');
    const greater = late[1].fencingToken > second[1].fencingToken ? 'first' : 'second';
    await second[1]();
    return `${told}; ${greater}; written by ${store.by}`;
}

let asSeen = true;
for (const [name, within, want] of [
    ['a pause behind the call', false, 'first, second; second; written by second'],
    ['a pause within the call', true, 'first, second; first; written by first'],
]) {
    const got = await trial(within ? 'a' : 'b', within);
    console.log(`${name}: ${got}`);
    asSeen &&= got === want;
}
if (!asSeen) console.log('changed or broken');
process.exit(asSeen ? 0 : 1);
JS
timeout 120 node fencing.mjs
