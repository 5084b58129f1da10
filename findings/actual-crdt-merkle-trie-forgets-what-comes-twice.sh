#!/usr/bin/env bash
# @actual-app/crdt 3.1.3 (npm; the synchronization of the budget program Actual) on Node.js 20, seen 2026-11-30.
#
# Two replicas compare tries of the timestamps of their messages and exchange what merkle.diff says they do
# not share. A node's hash is the exclusive or of the hashes below it, so a message that is inserted a second
# time takes itself out again: the trie of who has it twice says the same as that of who does not have it,
# and the message is never asked for. With a third insertion it is back. The trie knows the timestamp, which
# is unique by its node and counter, and does not look whether it is there.
#
# Guess that it breaks: a set in which one inserts what is there already stays as it is, above all where
# messages may come twice; and equal tries mean equal messages.
#
# Seen (how often the message of 10:00 was inserted here; what merkle.diff says of a replica that does not
# have it, and of one that has it once; all have the message of 10:05):
#   1: differs, the same
#   2: the same, differs
#   3: differs, the same
#
# Needs Node.js 20 or later with npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @actual-app/crdt@3.1.3 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >twice.mjs <<'JS'
import {merkle, Timestamp} from '@actual-app/crdt';

const ten = Timestamp.parse('2026-11-30T10:00:00.000Z-0000-aaaaaaaaaaaaaaaa');
const later = Timestamp.parse('2026-11-30T10:05:00.000Z-0000-bbbbbbbbbbbbbbbb');
const trie = (...messages) => messages.reduce((t, m) => merkle.insert(t, m), merkle.emptyTrie());
const diff = (a, b) => (merkle.diff(a, b) === null ? 'the same' : 'differs');

let asSeen = true;
for (const [times, want] of [[1, 'differs, the same'], [2, 'the same, differs'], [3, 'differs, the same']]) {
  const here = trie(...Array(times).fill(ten), later);
  const got = `${diff(here, trie(later))}, ${diff(here, trie(ten, later))}`;
  console.log(`${times}: ${got}`);
  asSeen &&= got === want;
}
if (!asSeen) {
  console.log('changed or broken');
  process.exit(1);
}
JS
node twice.mjs
