#!/usr/bin/env bash
# redis-semaphore 5.8.0 (npm) with ioredis 6.0.0 on Redis 7.0.15, seen 2026-12-01.
#
# A semaphore for one: its holder has a lockTimeout of 20 s and renews it in time. After a second and a half another part of the program wants
# the same semaphore, and has a lockTimeout of 1 s, since its own work is short. It is let in: who asks first throws out
# all that were renewed longer ago than its own lockTimeout, whatever theirs is. The first one is at work, says isAcquired, and hears of it when it would have
# renewed next, 16 s later. The other way is quieter still: in a semaphore for two a long holder is in, a short one comes, and goes at once.
# With each acquisition the whole key gets the lockTimeout of the last one, so it is gone a second later with the long holder in it, and
# two more are let in: three in a semaphore for two. With one lockTimeout for all it is right, and so is a Mutex with two.
#
# Guess that it breaks: lockTimeout is a setting of each object, described for the mutex as the time after which it will be auto released, and the semaphore has the same list of
# options. The README warns of clocks that differ by more than lockTimeout and of a refreshInterval that is too long, not of two that differ in it.
#
# Seen (a semaphore for one held with 20 s, and who comes after 1.5 s; the same with a Mutex; a semaphore for two, with one that came and went):
#   Semaphore, another with 20 s:   refused; the first says acquired
#   Semaphore, another with 1 s:    let in; the first says acquired
#   Mutex, another with 1 s:        refused; the first says acquired
#   for two, one with 20 s went:    let in, refused
#   for two, one with 1 s went:     let in, let in
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
if (: >/dev/tcp/127.0.0.1/42488) 2>/dev/null; then echo "port 42488 is in use" >&2; exit 1; fi
LD_LIBRARY_PATH=$(echo "$dir/root"/usr/lib/*-linux-gnu) ./redis-server --port 42488 --bind 127.0.0.1 --save '' --dir "$dir" >log 2>&1 &
server=$!
for _ in $(seq 300); do (: >/dev/tcp/127.0.0.1/42488) 2>/dev/null && break; sleep 0.1; done
npm init -y >/dev/null
npm install --silent --no-audit --no-fund redis-semaphore@5.8.0 ioredis@6.0.0 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >leases.mjs <<'JS'
import Redis from 'ioredis';
import { Mutex, Semaphore, TimeoutError } from 'redis-semaphore';

const redis = new Redis(42488);
const LONG = 20_000;
const SHORT = 1_000;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const semaphore = (name, places, lockTimeout) => new Semaphore(redis, name, places, { lockTimeout, acquireTimeout: 100 });
const mutex = (name, lockTimeout) => new Mutex(redis, name, { lockTimeout, acquireTimeout: 100 });

async function ask(lock) {
    try {
        await lock.acquire();
        return 'let in';
    } catch (e) {
        if (e instanceof TimeoutError) return 'refused';
        throw e;
    }
}

/** The first one holds; who comes after a second and a half? */
async function later(first, second) {
    await first.acquire();
    await sleep(1.5 * SHORT);
    const got = await ask(second);
    return `${got}; the first says ${first.isAcquired ? 'acquired' : 'lost'}`;
}

/** Of two places one is held all the time, the other one by somebody who goes at once. Who of two more gets in? */
async function two(name, guest) {
    await semaphore(name, 2, LONG).acquire();
    const short = semaphore(name, 2, guest);
    await short.acquire();
    await short.release();
    await sleep(2 * SHORT);
    const got = [await ask(semaphore(name, 2, LONG)), await ask(semaphore(name, 2, LONG))];
    return got.join(', ');
}

let asSeen = true;
for (const [name, call, want] of [
    ['Semaphore, another with 20 s', () => later(semaphore('a', 1, LONG), semaphore('a', 1, LONG)), 'refused; the first says acquired'],
    ['Semaphore, another with 1 s', () => later(semaphore('b', 1, LONG), semaphore('b', 1, SHORT)), 'let in; the first says acquired'],
    ['Mutex, another with 1 s', () => later(mutex('c', LONG), mutex('c', SHORT)), 'refused; the first says acquired'],
    ['for two, one with 20 s went', () => two('d', LONG), 'let in, refused'],
    ['for two, one with 1 s went', () => two('e', SHORT), 'let in, let in'],
]) {
    const got = await call();
    console.log(`${name}: ${got}`);
    asSeen &&= got === want;
}
if (!asSeen) console.log('changed or broken');
process.exit(asSeen ? 0 : 1);
JS
timeout 120 node leases.mjs
