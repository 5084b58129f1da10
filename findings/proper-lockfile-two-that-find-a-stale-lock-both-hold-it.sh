#!/usr/bin/env bash
# proper-lockfile 4.1.2 (npm) on Node.js 20, two processes, seen 2026-11-30.
#
# A lock is a directory, made by mkdir, which only one can succeed with. One whose time was not renewed for `stale` ms is left
# by a process that died, and is taken over: rmdir, then mkdir. Two find the same stale lock. The first takes it over and
# is at work; the second, which was a little slower, removes what it takes for the stale lock and is the first one's fresh
# one, and makes its own. Both hold, and both are told so. At the next renewal, half of `stale` later, one of them is told
# that its lock is compromised: the second, which has the directory, since the first has renewed it in its place. The
# first is told nothing, and goes on without a directory of its own; its release works. If the lock is not stale, or
# there is none, one is refused however slow it is.
#
# Guess that it breaks: of mkdir it is said that it is atomic and works on network file systems, and of onCompromised that
# it is called when something is wrong with one's lock, such as that another process has removed it. Here that
# happens, and it is the other one that is told.
#
# Seen (stale 4 s, renewed each 2 s; the second process waits before each rmdir, or before each mkdir, until the first has ended locking):
#   a stale lock, second waits before rmdir: first holds, second holds; at the renewal first fine, second compromised
#   a stale lock, second waits before mkdir: first holds, second ELOCKED
#   no lock, second waits before mkdir:      first holds, second ELOCKED
#   a fresh lock of a third one:             first ELOCKED, second ELOCKED
#
# Needs Node.js with npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --ignore-scripts proper-lockfile@4.1.2 >npm.log 2>&1 || { cat npm.log; exit 1; }
# One process that locks: says how that ended, and whether it was compromised when it is asked to let go.
cat >locker.js <<'JS'
const fs = require('fs');
const lockfile = require('proper-lockfile');

const [file, waitsBefore, hidden] = process.argv.slice(2);
let go;
const mayGo = new Promise((resolve) => { go = resolve; });

// The file system, on which one call is slow until the other process has locked.
const slow = { ...fs };
if (waitsBefore !== 'nothing') {
  let first = true;
  const real = fs[waitsBefore];
  slow[waitsBefore] = (path, done) => {
    // Before a mkdir that takes a stale lock over there is one that finds it.
    if (hidden === 'second' && first) { first = false; return real(path, done); }
    process.send('waits');
    return mayGo.then(() => real(path, done));
  };
}

let compromised = false;
let release;
process.on('message', async (what) => {
  if (what === 'go') return go();
  let end = compromised ? 'compromised' : 'fine';
  await release().catch((e) => { if (e.code !== 'ERELEASED') end += ` ${e.code}`; });
  process.send(end);
  process.disconnect();
});
lockfile.lock(file, { fs: slow, stale: 4000, update: 2000, realpath: false, onCompromised: () => { compromised = true; } })
  .then((r) => { release = r; process.send('holds'); }, (e) => { process.send(e.code); process.disconnect(); });
JS
cat >both.js <<'JS'
const fs = require('fs');
const { fork } = require('child_process');

const started = [];
process.on('exit', () => { for (const p of started) p.kill(); });

// A process that locks, whose words come one by one.
function locker(...args) {
  const process = fork('./locker.js', args);
  started.push(process);
  const words = [];
  const waiting = [];
  process.on('message', (w) => { if (waiting.length) waiting.shift()(w); else words.push(w); });
  return { say: (w) => process.send(w), next: () => (words.length ? words.shift() : new Promise((resolve) => waiting.push(resolve))) };
}

let n = 0;
async function row(name, old, waitsBefore, hidden, want) {
  const file = `./file${++n}`;
  fs.writeFileSync(file, '');
  if (old !== undefined) {
    fs.mkdirSync(`${file}.lock`);
    const at = new Date(Date.now() - old);
    fs.utimesSync(`${file}.lock`, at, at);
  }
  const second = locker(file, waitsBefore, hidden);
  let secondEnd = await second.next();
  const first = locker(file, 'nothing', '');
  const firstEnd = await first.next();
  if (secondEnd === 'waits') {
    second.say('go');
    do secondEnd = await second.next(); while (secondEnd === 'waits');
  }
  let got = `first ${firstEnd}, second ${secondEnd}`;
  if (firstEnd === 'holds' && secondEnd === 'holds') {
    // Time for each to have renewed its lock, or to have found that it is not its own.
    await new Promise((resolve) => setTimeout(resolve, 3500));
    second.say('release');
    first.say('release');
    got += `; at the renewal first ${await first.next()}, second ${await second.next()}`;
  } else if (firstEnd === 'holds') {
    first.say('release');
    await first.next();
  }
  console.log(`${name}: ${got}`);
  return got === want;
}

async function main() {
  let same = true;
  for (const r of [
    ['a stale lock, second waits before rmdir', 60000, 'rmdir', '', 'first holds, second holds; at the renewal first fine, second compromised'],
    ['a stale lock, second waits before mkdir', 60000, 'mkdir', 'second', 'first holds, second ELOCKED'],
    ['no lock, second waits before mkdir', undefined, 'mkdir', '', 'first holds, second ELOCKED'],
    ['a fresh lock of a third one', 0, 'nothing', '', 'first ELOCKED, second ELOCKED'],
  ]) same = await row(...r) && same;
  if (!same) console.log('changed or broken');
  process.exit(same ? 0 : 1);
}

main().catch((e) => { console.log('changed or broken:', e); process.exit(1); });
JS
timeout 90 node both.js
