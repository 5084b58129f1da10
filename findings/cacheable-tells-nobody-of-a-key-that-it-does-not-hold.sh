#!/usr/bin/env bash
# Cacheable 2.5.0 (Node.js) with its sync over Qified 0.10.1, and Keyv 5.6.0 as store, seen 2026-11-30.
#
# Several caches are kept in step by sync. One of them, that has just begun, deletes a key that the others hold: it tells nobody, since its own
# store says false of a key that it has not; the others go on giving the deleted value. So does a cache that was
# cleared, or has dropped the key for want of room. deleteMany is the same as soon as one of the keys is missing: then
# none of the deletions is told, not of the key that was there either. With the store that is taken where none is
# given, which says true of every deletion, the others are told.
#
# Guess that it breaks: the README says that delete and deleteMany publish the event, and the others then remove the key. The one
# who changes a row, and deletes its key everywhere, is often not the one who had cached it; and it is the others' copy that matters.
# A primary of new Keyv() stands in the README.
#
# Seen (what the first cache, which has stored key = 1, gives after another one's deletion, and what that one was told):
#   Keyv store, deleted by who holds it too:              nothing (said true)
#   Keyv store, deleted by a new one:                     1 (said false)
#   Keyv store, deleted by one that was cleared:          1 (said false)
#   Keyv store, deleteMany of it and a missing one:       1 (said false)
#   store by default, all four:                           nothing (said true)
#
# Needs Node.js 20 or later with npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --ignore-scripts cacheable@2.5.0 qified@0.10.1 keyv@5.6.0 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >sync.mjs <<'JS'
import { Cacheable } from 'cacheable';
import { Keyv } from 'keyv';
import { MemoryMessageProvider } from 'qified';

let same = true;
function line(name, got, want) {
  console.log(`${name}: ${got}`);
  same = same && got === want;
}

// Events are on their way for a moment.
const arrived = () => new Promise((done) => setTimeout(done, 100));

async function row(store, name, want, deleter) {
  const qified = new MemoryMessageProvider();
  const cache = async () => {
    const c = new Cacheable({ primary: store(), sync: { qified } });
    await arrived();
    return c;
  };
  const first = await cache();
  const second = await cache();
  await first.set('key', 1);
  await arrived();
  if (await second.get('key') !== 1) throw new Error(`${name}: the two are not in step`);
  const said = await deleter(second, cache);
  await arrived();
  const left = await first.get('key');
  line(name, `${left ?? 'nothing'} (said ${said})`, want);
}

for (const [kind, store, left] of [['Keyv store', () => new Keyv(), '1 (said false)'], ['store by default', () => undefined, 'nothing (said true)']]) {
  await row(store, `${kind}, deleted by who holds it too`, 'nothing (said true)', (second) => second.delete('key'));
  await row(store, `${kind}, deleted by a new one`, left, async (_, cache) => (await cache()).delete('key'));
  await row(store, `${kind}, deleted by one that was cleared`, left, async (second) => {
    await second.clear();
    return second.delete('key');
  });
  await row(store, `${kind}, deleteMany of it and a missing one`, left, (second) => second.deleteMany(['key', 'missing']));
}
if (!same) console.log('changed or broken');
process.exit(same ? 0 : 1);
JS
timeout 60 node sync.mjs
