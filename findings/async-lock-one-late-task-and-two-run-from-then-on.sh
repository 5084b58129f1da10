#!/usr/bin/env bash
# async-lock 1.5.0 (Node.js), seen 2026-11-30.
#
# Five tasks wait for one key, and the first has a maxExecutionTime. It is too slow: its caller gets the error,
# and the second begins, beside the first, which nobody can stop. When the first has ended at last, its end is taken
# for that of the holder: the third begins although the second is still at work. The end of the second then lets in the
# fourth beside the third, and so on. The one late task is long over, and there are two holders as long as anybody waits. Where
# nobody waits, the end of the late one takes the key out of the lock: isBusy says that it is free, and whoever
# comes goes in beside the one that is at work.
#
# Guess that it breaks: a limit of execution lets the next one in while the late task goes on, so that the two overlap. When it is over
# it has no more to do with the lock, and there is one holder again. The README says of the limit only who gets the error.
#
# Seen (each task in the order of the beginnings, with how many are at work as it begins):
#   no task is late:                          A 1, B 1, C 1, D 1, E 1
#   A is late, and ends while B is at work:   A 1, B 2, C 2, D 2, E 2
#   the same, C comes after the end of A:     A 1, B 2, free, C 2
#
# Needs Node.js with npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --ignore-scripts async-lock@1.5.0 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >late.js <<'JS'
const AsyncLock = require('async-lock');

// Only a run that comes to its end is green.
process.exitCode = 1;
let same = true;
function line(name, got, want) {
  console.log(`${name}: ${got}`);
  same = same && got === want;
}

const turn = () => new Promise((done) => setTimeout(done, 20));

// One lock, whose tasks end when they are told to.
class Run {
  constructor() {
    this.lock = new AsyncLock();
    this.atWork = 0;
    this.seen = [];
    this.ends = {};
    this.callers = [];
  }

  ask(name, options) {
    const until = new Promise((end) => { this.ends[name] = end; });
    const caller = this.lock.acquire('key', async () => {
      this.atWork += 1;
      this.seen.push(`${name} ${this.atWork}`);
      await until;
      this.atWork -= 1;
    }, options);
    this.callers.push(caller.then(() => 'done', (error) => {
      if (!/execution time/.test(error.message)) throw error;
      return 'late';
    }));
  }

  async end(name) {
    this.ends[name]();
    await turn();
  }

  // Waits until the first caller has been told that its task is late.
  async late() {
    if (await this.callers[0] !== 'late') throw new Error('the first task is not late');
    await turn();
  }
}

async function main() {
  const names = ['A', 'B', 'C', 'D', 'E'];
  const limit = { maxExecutionTime: 50 };
  const calm = new Run();
  for (const n of names) calm.ask(n);
  for (const n of names) await calm.end(n);
  line('no task is late', calm.seen.join(', '), 'A 1, B 1, C 1, D 1, E 1');

  // Only the first has a limit, so that none of the others is late.
  const late = new Run();
  for (const n of names) late.ask(n, n === 'A' ? limit : {});
  await late.late();
  for (const n of names) await late.end(n);
  line('A is late, and ends while B is at work', late.seen.join(', '), 'A 1, B 2, C 2, D 2, E 2');

  const empty = new Run();
  empty.ask('A', limit);
  empty.ask('B');
  await empty.late();
  await empty.end('A');
  empty.seen.push(empty.lock.isBusy('key') ? 'busy' : 'free');
  empty.ask('C');
  await turn();
  line('the same, C comes after the end of A', empty.seen.join(', '), 'A 1, B 2, free, C 2');
  if (!same) console.log('changed or broken');
  process.exit(same ? 0 : 1);
}

main().catch((e) => { console.log('changed or broken:', e); process.exit(1); });
JS
timeout 60 node late.js
