#!/usr/bin/env bash
# TinyBase 10.0.1 (npm), MergeableStore, seen 2026-11-28.
#
# Two replicas that have met add a row each with addRow, which returns "the unique Id assigned
# to it". Both get "0". After the merge there is one row, with the cells of both: 500 bolts to
# A and a number of screws that was left open to B become 500 screws to B, which nobody
# ordered; bolts are in no row. Of five and three rows that were added while the two were apart
# five are left. Both replicas agree on that, and neither reports anything. With setRow and an
# Id of one's own (a UUID) all rows are there.
# Rows are merged by cell elsewhere too: a row that one replica deletes, and of which the other,
# later, sets one cell, comes back with that cell alone, without the ones that were there.
#
# Guess that it breaks: an add to a replicated set of rows (a CRDT) survives a merge, as the
# elements of an add-wins set do; a row is seen as somebody wrote it.
#
# Seen:
#   addRow, one each: Ids 0 and 0, then {"0":{"item":"screws","number":500,"to":"B"}}
#   addRow, five and three: 5 rows of 8
#   setRow with Ids of one's own, five and three: 8 rows of 8
#   deleted, then one cell set elsewhere: {"r":{"to":"C"}}
#
# Needs Node.js 20 or later and npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts tinybase@10.0.1 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >main.mjs <<'JS'
import {isDeepStrictEqual} from 'node:util';
import {createMergeableStore} from 'tinybase';

// pair gives two replicas whose clocks tick once a call, so that who is later is no chance.
const pair = () => {
  let now = 1_000_000;
  const tick = () => now++;
  const a = createMergeableStore('a', tick), b = createMergeableStore('b', tick);
  meet(a, b);
  return [a, b];
};
const meet = (a, b) => {
  a.merge(b);
  b.merge(a);
  if (!isDeepStrictEqual(a.getContent(), b.getContent())) throw new Error('the replicas differ after a merge');
};
const rows = (store) => JSON.stringify(store.getTable('orders'));

const seen = [];
{
  const [a, b] = pair();
  const one = a.addRow('orders', {item: 'bolts', number: 500, to: 'A'});
  const two = b.addRow('orders', {item: 'screws', to: 'B'});
  meet(a, b);
  seen.push(`addRow, one each: Ids ${one} and ${two}, then ${rows(a)}`);
}
{
  const [a, b] = pair();
  for (let i = 0; i < 5; i++) a.addRow('orders', {item: `a${i}`});
  for (let i = 0; i < 3; i++) b.addRow('orders', {item: `b${i}`});
  a.merge(b);
  b.merge(a);
  seen.push(`addRow, five and three: ${a.getRowCount('orders')} rows of 8`);
}
{
  const [a, b] = pair();
  for (let i = 0; i < 5; i++) a.setRow('orders', `a${i}`, {item: `a${i}`});
  for (let i = 0; i < 3; i++) b.setRow('orders', `b${i}`, {item: `b${i}`});
  a.merge(b);
  b.merge(a);
  seen.push(`setRow with Ids of one's own, five and three: ${a.getRowCount('orders')} rows of 8`);
}
{
  const [a, b] = pair();
  a.setRow('orders', 'r', {item: 'bolts', number: 500, to: 'A'});
  meet(a, b);
  a.delRow('orders', 'r');
  b.setCell('orders', 'r', 'to', 'C');
  meet(a, b);
  seen.push(`deleted, then one cell set elsewhere: ${rows(a)}`);
}
console.log(seen.join('\n'));
const want = [
  'addRow, one each: Ids 0 and 0, then {"0":{"item":"screws","number":500,"to":"B"}}',
  'addRow, five and three: 5 rows of 8',
  "setRow with Ids of one's own, five and three: 8 rows of 8",
  'deleted, then one cell set elsewhere: {"r":{"to":"C"}}',
];
if (seen.join() !== want.join()) {
  console.log('changed or broken');
  process.exit(1);
}
JS
node main.mjs
