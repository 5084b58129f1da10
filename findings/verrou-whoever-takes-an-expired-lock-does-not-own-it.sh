#!/usr/bin/env bash
# Verrou 0.5.2 (@verrou/core, Node.js, memory store), seen 2026-11-30.
#
# A lock expires, and another one acquires it, as it should. The store goes on with the name of the first as its owner. So the
# second cannot extend or release what it holds (E_LOCK_NOT_OWNED), and the lock is held until its time is over: run gives
# an error in place of the result of what it has run. The first, who comes back late, can both extend and release it, and
# when it has released it a third one is let in while the second is at work.
# It is the same after forceRelease.
#
# Guess that it breaks: each lock has an owner of its own just so that a late holder cannot let go the lock of the next one; that is
# documented for release, and one and the same interface for all stores is what the package promises. The memory store keeps
# the owner, and compares it; it does not set it anew. (The text of the other stores shows that they do.)
#
# Seen (first, second and third want one key in this order):
#   first in time, second:             second refused; first extends: ok, releases: ok
#   first expired, second acquires:    second extends: E_LOCK_NOT_OWNED, releases: E_LOCK_NOT_OWNED; third refused
#   then the first comes back:         extends: ok, releases: ok; third acquires
#   second by run, first expired:      E_LOCK_NOT_OWNED
#   first released by force:           second releases: E_LOCK_NOT_OWNED; first releases: ok
#
# Needs Node.js 20 or later with npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --ignore-scripts @verrou/core@0.5.2 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >owner.mjs <<'JS'
import { Verrou } from '@verrou/core';
import { memoryStore } from '@verrou/core/drivers/memory';

const MINUTE = 60000;
const verrou = new Verrou({ default: 'memory', stores: { memory: { driver: memoryStore() } } });
let same = true;

function line(name, got, want) {
  console.log(`${name}: ${got}`);
  same = same && got === want;
}

const said = (promise) => promise.then(() => 'ok', (error) => error.code ?? error);
const acquires = async (lock) => (await lock.acquireImmediately() ? 'acquires' : 'refused');

// Three who want one key; the first holds it for a time.
async function three(key, time) {
  const locks = [verrou.createLock(key, time), verrou.createLock(key, MINUTE), verrou.createLock(key, MINUTE)];
  if (await acquires(locks[0]) !== 'acquires') throw new Error('the first one is refused');
  return locks;
}

async function over(lock) {
  while (!lock.isExpired()) await new Promise((done) => setTimeout(done, 10));
  // The store asks its own clock.
  await new Promise((done) => setTimeout(done, 10));
}

let [first, second, third] = await three('in time', MINUTE);
line('first in time, second', `second ${await acquires(second)}; first extends: ${await said(first.extend(MINUTE))}, releases: ${await said(first.release())}`,
  'second refused; first extends: ok, releases: ok');

[first, second, third] = await three('expired', 30);
await over(first);
if (await acquires(second) !== 'acquires') throw new Error('the lock is not over');
line('first expired, second acquires',
  `second extends: ${await said(second.extend(MINUTE))}, releases: ${await said(second.release())}; third ${await acquires(third)}`,
  'second extends: E_LOCK_NOT_OWNED, releases: E_LOCK_NOT_OWNED; third refused');
line('then the first comes back',
  `extends: ${await said(first.extend(MINUTE))}, releases: ${await said(first.release())}; third ${await acquires(third)}`,
  'extends: ok, releases: ok; third acquires');

[first, second] = await three('run', 30);
await over(first);
line('second by run, first expired', await said(second.run(async () => 'result')), 'E_LOCK_NOT_OWNED');

[first, second] = await three('force', MINUTE);
await first.forceRelease();
if (await acquires(second) !== 'acquires') throw new Error('the lock was not let go');
line('first released by force', `second releases: ${await said(second.release())}; first releases: ${await said(first.release())}`,
  'second releases: E_LOCK_NOT_OWNED; first releases: ok');
if (!same) console.log('changed or broken');
process.exit(same ? 0 : 1);
JS
timeout 60 node owner.mjs
