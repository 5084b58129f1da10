#!/usr/bin/env bash
# node-cache 5.1.2 (npm), seen 2026-11-30.
#
# With maxKeys a cache that is full refuses new keys, and throws. It refuses as well to set a key that it holds: a program that stores what has
# changed gets the error, and the old value stays for as long as it may live. Keys that have expired count
# until the sweep, which comes every 600 s by default: a cache full of them refuses everything, though no get would give one of
# them. mset is refused one key earlier than set, and counts keys that are there as new ones. And flushStats, which sets the statistics to zero, sets the limit
# to zero with them: the keys are counted from there.
#
# Guess that it breaks: the README says that an error is thrown if a new item is set and the cache is full, and that the key is then not
# saved; of flushStats, that it flushes the statistics. "Write the database, then set the cache" keeps a cache right as long as set sets;
# with a full one whoever logs the error and goes on serves the old value.
#
# Seen (maxKeys 2):
#   full, set of a new key:             ECACHEFULL
#   full, set of a key that it holds:   ECACHEFULL; get gives old
#   full of expired keys, set:          ECACHEFULL; get gives nothing
#   the same after a get of one:        stored
#   empty, mset of two:                 ECACHEFULL
#   empty, set of two:                  stored
#   full, flushStats, set of two more:  stored; 4 keys
#
# Needs Node.js with npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts node-cache@5.1.2 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >full.js <<'JS'
const NodeCache = require('node-cache');

let same = true;
function line(name, got, want) {
  console.log(`${name}: ${got}`);
  same = same && got === want;
}

/** What the call says: stored, or the name of the error. */
function said(call) {
  try {
    return call() === true ? 'stored' : 'something else';
  } catch (e) {
    return e.name;
  }
}

function full(ttl = 0) {
  const cache = new NodeCache({ maxKeys: 2 });
  cache.set('a', 'old', ttl);
  cache.set('b', 'old', ttl);
  return cache;
}

(async () => {
  const cache = full();
  line('full, set of a new key', said(() => cache.set('c', 'new')), 'ECACHEFULL');
  line('full, set of a key that it holds', `${said(() => cache.set('a', 'new'))}; get gives ${cache.get('a')}`, 'ECACHEFULL; get gives old');

  const expired = full(0.05);
  await new Promise((go) => setTimeout(go, 500));
  const first = said(() => expired.set('c', 'new'));
  line('full of expired keys, set', `${first}; get gives ${expired.get('a') ?? 'nothing'}`, 'ECACHEFULL; get gives nothing');
  line('the same after a get of one', said(() => expired.set('c', 'new')), 'stored');

  const two = ['a', 'b'];
  const empty = new NodeCache({ maxKeys: 2 });
  line('empty, mset of two', said(() => empty.mset(two.map((key) => ({ key, val: 'new' })))), 'ECACHEFULL');
  line('empty, set of two', two.map((key) => said(() => empty.set(key, 'new'))).every((s) => s === 'stored') ? 'stored' : 'refused', 'stored');

  const counted = full();
  counted.flushStats();
  const more = ['c', 'd'].every((key) => said(() => counted.set(key, 'new')) === 'stored');
  line('full, flushStats, set of two more', `${more ? 'stored' : 'refused'}; ${counted.keys().length} keys`, 'stored; 4 keys');
  if (!same) console.log('changed or broken');
  process.exit(same ? 0 : 1);
})();
JS
timeout 600 node full.js
