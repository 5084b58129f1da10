#!/usr/bin/env bash
# cachified 5.6.3 (npm, @epic-web/cachified), seen 2026-11-30.
#
# A request has missed the cache, and its getFreshValue has read the old row. Now another request changes the row and asks with forceFresh: true, to see its own
# change and to renew the cache. It is given the old row: the call finds that a value of the key is being got, waits for that one, and
# does not call its getFreshValue. The old value is in the cache afterwards, for the whole ttl. So it is between two calls with forceFresh, and after
# the key was deleted from the cache. When no other call is under way, forceFresh reads.
#
# Guess that it breaks: the README says that with the option the value is got fresh, however valid the cached one may be; that one is awaited which began before
# the call, nobody would guess: whoever forces has a reason not to trust what was read before. Alone, as in a test, it is always right.
#
# Seen (the row was changed while a first call read it; what a second call gives, how often the row was read, and what the cache gives then):
#   forceFresh:                        old, read 1 time, then old
#   no option:                         old, read 1 time, then old
#   the key deleted first:             old, read 1 time, then old
#   forceFresh, first call forced:     old, read 1 time, then old
#   forceFresh, after the first call:  new, read 2 times, then new
#
# Needs Node.js with npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @epic-web/cachified@5.6.3 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >fresh.mjs <<'JS'
import { cachified } from '@epic-web/cachified';

let same = true;

async function row(name, want, { first = {}, second = {}, deleted = false, after = false }) {
  const cache = new Map();
  let value = 'old';
  let reads = 0;
  let go;
  const held = new Promise((resolve) => { go = resolve; });
  let begun;
  const reading = new Promise((resolve) => { begun = resolve; });
  const read = (options) => cachified({
    key: 'price',
    cache,
    ttl: 600000,
    ...options,
    async getFreshValue() {
      const seen = value;
      reads++;
      begun();
      await held;
      return seen;
    },
  });
  const one = read(first);
  await reading;
  if (after) {
    go();
    await one;
  }
  value = 'new';
  if (deleted) cache.delete('price');
  const two = read(second);
  // The second call has had its turns to begin a read of its own.
  await new Promise((resolve) => setTimeout(resolve, 100));
  go();
  await one;
  const given = await two;
  const n = reads;
  const got = `${given}, read ${n === 1 ? '1 time' : `${n} times`}, then ${await read({})}`;
  console.log(`${name}: ${got}`);
  same = same && got === want;
}

await row('forceFresh', 'old, read 1 time, then old', { second: { forceFresh: true } });
await row('no option', 'old, read 1 time, then old', {});
await row('the key deleted first', 'old, read 1 time, then old', { deleted: true });
await row('forceFresh, first call forced', 'old, read 1 time, then old', { first: { forceFresh: true }, second: { forceFresh: true } });
await row('forceFresh, after the first call', 'new, read 2 times, then new', { second: { forceFresh: true }, after: true });
if (!same) console.log('changed or broken');
process.exit(same ? 0 : 1);
JS
timeout 600 node fresh.mjs
