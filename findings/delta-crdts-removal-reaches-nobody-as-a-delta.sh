#!/usr/bin/env bash
# delta-crdts 0.10.3 (npm) on Node.js 20, seen 2026-11-30.
#
# A mutator of a delta-state CRDT returns the delta that the other replicas join. In this package the delta
# of a removal from the add-wins set removes nothing: who gets every delta, each once and in order, keeps
# the element that the author has removed. So does who joins the two deltas first. Flags are the same: a
# disabled enable-wins flag stays enabled elsewhere, an enabled disable-wins flag stays disabled. The whole
# state carries the removal, and so do the deltas of the other sets and of the map. In the delta the dot
# that was removed stands with itself as the name of its node, which no replica has.
#
# Guess that it breaks: a delta has the effect of its operation; a set whose additions arrive by deltas has
# its removals arrive by them too; and a test that looks at the author's replica, or merges states, sees
# nothing.
#
# Seen (two operations of one replica; its value; the value of one that got both deltas in order, and of one
# that got the whole state after that):
#   aworset, add x, remove x:   [], ["x"], []
#   ewflag, enable, disable:    false, true, false
#   dwflag, disable, enable:    true, false, true
#   rworset, add x, remove x:   [], [], []
#   ormap, write k, remove k:   {}, {}, {}
#
# Needs Node.js 20 or later with npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund delta-crdts@0.10.3 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >removals.cjs <<'JS'
const CRDT = require('delta-crdts');

const text = (v) => JSON.stringify(v instanceof Set ? [...v] : v);
const add = (r) => r.add('x');
const remove = (r) => r.remove('x');
const enable = (r) => r.enable();
const disable = (r) => r.disable();

let asSeen = true;
for (const [type, what, first, second, want] of [
  ['aworset', 'add x, remove x', add, remove, '[], ["x"], []'],
  ['ewflag', 'enable, disable', enable, disable, 'false, true, false'],
  ['dwflag', 'disable, enable', disable, enable, 'true, false, true'],
  ['rworset', 'add x, remove x', add, remove, '[], [], []'],
  ['ormap', 'write k, remove k', (r) => r.applySub('k', 'mvreg', 'write', 'v'), (r) => r.remove('k'), '{}, {}, {}'],
]) {
  const make = CRDT(type);
  const author = make('author');
  const other = make('other');
  for (const operation of [first, second]) {
    other.apply(operation(author));
  }
  const byDeltas = text(other.value());
  other.apply(author.state());
  const got = `${text(author.value())}, ${byDeltas}, ${text(other.value())}`;
  console.log(`${type}, ${what}: ${got}`);
  asSeen &&= got === want;
}
if (!asSeen) {
  console.log('changed or broken');
  process.exit(1);
}
JS
node removals.cjs
