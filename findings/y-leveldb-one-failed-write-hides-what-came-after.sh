#!/usr/bin/env bash
# y-leveldb 0.2.0 (npm, storage for Yjs) with yjs 13.6.33 and memory-level 3.1.0, seen 2026-11-30.
#
# One write to the store fails, for a disk that is full or busy for a moment. storeUpdate, whose promise is the only answer, is fulfilled all the same: a
# warning goes to the console, and what it gives is null in the place of a number. The next updates are stored. When the document is read again,
# what the failed one had is missing, and with it all that the same client has written since: each update of a client builds on the one
# before, so that they are kept aside, waiting for what will never come. The bytes are in the store; the text is not in the document.
# flushDocument, clearDocument and setMeta answer in the same way.
#
# Guess that it breaks: the README says that storeUpdate stores an update; a promise that is fulfilled is thought to mean that it did, and one that failed to be
# rejected, so that the program tries again. Storing the update again after the failure, which nobody is told to do, heals the document.
#
# Seen (a client types "a", "b", "c", "d", and each is stored; the write of "b" fails, if not said otherwise):
#   no write fails:                   4 promises fulfilled, 0 rejected; read again: abcd
#   the write of b fails:             4 promises fulfilled, 0 rejected; read again: a
#   b is stored again at last:        5 promises fulfilled, 0 rejected; read again: abcd
#   setMeta fails:                    fulfilled; read again: undefined
#
# Needs Node.js with npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts y-leveldb@0.2.0 yjs@13.6.33 memory-level@3.1.0 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >store.mjs <<'JS'
import { MemoryLevel } from 'memory-level';
import { LeveldbPersistence } from 'y-leveldb';
import * as Y from 'yjs';

console.warn = () => {};
let same = true;
function line(name, got, want) {
  console.log(`${name}: ${got}`);
  same = same && got === want;
}

/** A store in which a write may fail once. */
let fails = false;
class Store extends MemoryLevel {
  constructor(location, options) { super({ storeEncoding: 'buffer', ...options }); }
  async put(...args) {
    if (fails) {
      fails = false;
      throw new Error('no space left on device');
    }
    return super.put(...args);
  }
}

const count = { fulfilled: 0, rejected: 0 };
async function store(persistence, update) {
  const said = await persistence.storeUpdate('letter', update).then(() => 'fulfilled', () => 'rejected');
  count[said]++;
}

async function row(name, { failing, again }, want) {
  count.fulfilled = 0;
  count.rejected = 0;
  const persistence = new LeveldbPersistence('x', { Level: Store });
  const doc = new Y.Doc();
  const updates = {};
  let typed = '';
  doc.on('update', (update) => { updates[typed] = update; });
  for (const letter of 'abcd') {
    typed = letter;
    doc.getText('t').insert(doc.getText('t').length, letter);
    fails = letter === failing;
    await store(persistence, updates[letter]);
  }
  if (again) await store(persistence, updates[failing]);
  const read = await persistence.getYDoc('letter');
  line(name, `${count.fulfilled} promises fulfilled, ${count.rejected} rejected; read again: ${read.getText('t')}`, want);
}

await row('no write fails', {}, '4 promises fulfilled, 0 rejected; read again: abcd');
await row('the write of b fails', { failing: 'b' }, '4 promises fulfilled, 0 rejected; read again: a');
await row('b is stored again at last', { failing: 'b', again: true }, '5 promises fulfilled, 0 rejected; read again: abcd');
const persistence = new LeveldbPersistence('y', { Level: Store });
fails = true;
const said = await persistence.setMeta('letter', 'owner', 'ann').then(() => 'fulfilled', () => 'rejected');
line('setMeta fails', `${said}; read again: ${await persistence.getMeta('letter', 'owner')}`, 'fulfilled; read again: undefined');
if (!same) console.log('changed or broken');
process.exit(same ? 0 : 1);
JS
timeout 600 node store.mjs
