#!/usr/bin/env bash
# Hyperbee 2.27.3 on Hypercore 11.39.5 (npm) on Node.js 20, seen 2026-11-30.
#
# Five tasks of one program each make a batch, read a number through it, put it plus one and flush: 1 is left of 5, and
# all five flushes succeed. A batch takes the lock of the database with its first put or del. A get through it takes none,
# does not fix what the batch sees (a second get of the same batch gives what was put in between), and is not compared
# with anything at the flush. If the batch puts any other key first, all five are counted, and so with batch.lock(),
# which the README does not name. put's own option cas, with the value that was read, keeps from overwriting; it says
# nothing, though, of the four that did not come through.
#
# Guess that it breaks: a batch has a get of its own, is "atomic", and "releases any locks it has acquired". Whoever reads
# and writes through one thinks of a transaction that others wait for, or that fails.
#
# Seen (five batches at once, each adds 1 to 0):
#   get, put, flush:                   5 flushed, 1 counted
#   put of another key, get, put, flush: 5 flushed, 5 counted
#   lock, get, put, flush:             5 flushed, 5 counted
#   get, put with cas, flush:          5 flushed, 1 counted
#   one after the other:               5 flushed, 5 counted
#   two gets of one batch, 7 put by another between: 0, 7
#
# Needs Node.js with npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --ignore-scripts hyperbee@2.27.3 hypercore@11.39.5 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >batch.js <<'JS'
const Hyperbee = require('hyperbee');
const Hypercore = require('hypercore');

let same = true;
function line(name, got, want) {
  console.log(`${name}: ${got}`);
  same = same && got === want;
}

async function add(db, first, cas) {
  const batch = db.batch();
  await first(batch);
  const n = (await batch.get('n')).value;
  await batch.put('n', n + 1, cas ? { cas: (now) => now.value === n } : {});
  await batch.flush();
  return 1;
}

async function main() {
  const core = new Hypercore('./data');
  const db = new Hyperbee(core, { keyEncoding: 'utf-8', valueEncoding: 'json' });
  await db.ready();
  const nothing = async () => {};
  for (const [name, one, want, inTurn] of [
    ['get, put, flush', () => add(db, nothing), 1],
    ['put of another key, get, put, flush', () => add(db, (b) => b.put('other', 1)), 5],
    ['lock, get, put, flush', () => add(db, (b) => b.lock()), 5],
    ['get, put with cas, flush', () => add(db, nothing, true), 1],
    ['one after the other', () => add(db, nothing), 5, true],
  ]) {
    await db.put('n', 0);
    const ends = [];
    for (let i = 0; i < 5; i++) {
      const end = one();
      if (inTurn) await end;
      ends.push(end);
    }
    const flushed = (await Promise.all(ends)).length;
    line(name, `${flushed} flushed, ${(await db.get('n')).value} counted`, `5 flushed, ${want} counted`);
  }
  await db.put('n', 0);
  const batch = db.batch();
  const before = (await batch.get('n')).value;
  await db.put('n', 7);
  const after = (await batch.get('n')).value;
  await batch.close();
  line('two gets of one batch, 7 put by another between', `${before}, ${after}`, '0, 7');
  await db.close();
  if (!same) console.log('changed or broken');
  process.exit(same ? 0 : 1);
}

main().catch((e) => { console.log('changed or broken:', e); process.exit(1); });
JS
timeout 60 node batch.js
