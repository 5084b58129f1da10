#!/usr/bin/env bash
# json-joy 17.67.0 (JSON CRDT, npm) on Node.js 20, seen 2026-11-30.
#
# A replica that is given a patch before the one that it builds upon leaves out what it cannot place, says
# nothing, and moves its logical clock past it. When the earlier patch arrives, what was left out is not
# made up for. The replica then has the same clock as one that had both in order, and another document: by
# what the clocks say there is nothing left to send. Given once more, the patch is applied.
#
# Guess that it breaks: operations of a CRDT commute, so the order in which messages arrive is no matter
# (Yjs and Automerge keep what comes too early); and two replicas with equal clocks have equal documents.
#
# Seen (patch 1 inserts "a" into an empty list, patch 2 of the same author inserts "b" behind it; document
# and the clock of the author):
#   1, 2:    ["a","b"] at 10
#   2:       [] at 10
#   2, 1:    ["a"] at 10
#   2, 1, 2: ["a","b"] at 10
#
# Needs Node.js 20 or later with npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund json-joy@17.67.0 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >order.cjs <<'JS'
const {Model} = require('json-joy/lib/json-crdt');

const AUTHOR = 100002;
const first = Model.create(undefined, 100001);
first.api.set({list: []});
const empty = first.toBinary();

const author = Model.fromBinary(empty).fork(AUTHOR);
const patches = [['a', 0], ['b', 1]].map(([element, at]) => {
  author.api.arr(['list']).ins(at, [element]);
  return author.api.flush();
});

let asSeen = true;
for (const [order, want] of [
  [[1, 2], '["a","b"]'],
  [[2], '[]'],
  [[2, 1], '["a"]'],
  [[2, 1, 2], '["a","b"]'],
]) {
  const replica = Model.fromBinary(empty).fork(100003);
  for (const n of order) {
    replica.applyPatch(patches[n - 1]);
  }
  const got = JSON.stringify(replica.view().list);
  const clock = replica.clock.peers.get(AUTHOR).time;
  console.log(`${order.join(', ')}: ${got} at ${clock}`);
  asSeen &&= got === want && clock === patches[1].nextTime() - 1;
}
if (!asSeen) {
  console.log('changed or broken');
  process.exit(1);
}
JS
node order.cjs
