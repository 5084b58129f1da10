#!/usr/bin/env bash
# node-persist 4.0.4 (Node.js), seen 2026-11-30.
#
# A value is stored while an older one of the same key is being written to its file. The promise of the second setItem is
# fulfilled when the first write has ended, and the second value is never written: every getItem gives the older one,
# and so does whoever opens the folder afterwards. The same happens to any number of values that come during
# the write. With writeQueueWriteOnlyLast: false each is written in its turn, and the last one is in the file.
#
# Guess that it breaks: the README says of the queue that of several setItem of one key only the last is written, and that the others
# are fulfilled with its result. So whoever was the last has his value in the file when his promise is fulfilled. The one
# that is dropped here is the last.
#
# Seen (what was stored last and acknowledged; what getItem gives, what a new instance gives):
#   one value during the write of another:           acknowledged 2; 1, 1
#   three values during the write:                   acknowledged 2, 3, 4; 1, 1
#   two values before the write:                     acknowledged 2, 3; 3, 3
#   one during the write, each is written:           acknowledged 2; 2, 2
#
# Needs Node.js with npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --ignore-scripts node-persist@4.0.4 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >last.js <<'JS'
const fs = require('fs');
const path = require('path');
const storage = require('node-persist');

// Nothing of the store keeps the program going.
const alive = setInterval(() => {}, 1000);
// Only a run that comes to its end is green.
process.exitCode = 1;
let same = true;
function line(name, got, want) {
  console.log(`${name}: ${got}`);
  same = same && got === want;
}

// Holds the next write of a file back until it is told to go on; begun is fulfilled when it is asked for.
function holdWrite() {
  const real = fs.writeFile;
  let goOn;
  const begun = new Promise((resolve) => {
    fs.writeFile = (...args) => {
      fs.writeFile = real;
      goOn = () => real(...args);
      resolve();
    };
  });
  return { begun, goOn: () => goOn() };
}

async function row(name, { before = [1], during = [], options = {} }, want) {
  const dir = path.join(__dirname, name.replace(/\W+/g, '-'));
  const store = storage.create({ dir, ...options });
  await store.init();
  const held = holdWrite();
  const promises = before.map((n) => store.setItem('key', { n }));
  await held.begun;
  promises.push(...during.map((n) => store.setItem('key', { n })));
  held.goOn();
  await Promise.all(promises);
  // Long enough for the round that the queue makes by itself every second.
  await new Promise((done) => setTimeout(done, 2500));
  const other = storage.create({ dir });
  await other.init();
  const acknowledged = [...before, ...during].slice(1).join(', ');
  line(name, `acknowledged ${acknowledged}; ${(await store.getItem('key')).n}, ${(await other.getItem('key')).n}`, want);
}

async function main() {
  await row('one value during the write of another', { during: [2] }, 'acknowledged 2; 1, 1');
  await row('three values during the write', { during: [2, 3, 4] }, 'acknowledged 2, 3, 4; 1, 1');
  await row('two values before the write', { before: [1, 2, 3] }, 'acknowledged 2, 3; 3, 3');
  await row('one during the write, each is written', { during: [2], options: { writeQueueWriteOnlyLast: false } }, 'acknowledged 2; 2, 2');
  if (!same) console.log('changed or broken');
  clearInterval(alive);
  process.exit(same ? 0 : 1);
}

main().catch((e) => { console.log('changed or broken:', e); process.exit(1); });
JS
timeout 60 node last.js
