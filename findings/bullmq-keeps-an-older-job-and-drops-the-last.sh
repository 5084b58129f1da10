#!/usr/bin/env bash
# BullMQ 6.7.0 (Node.js) with Redis 7.0.15, seen 2026-11-30.
#
# Jobs of one deduplication id are added with keepLastIfActive, and with a second attempt after a while.
# While the first job is at work, an edit is added, and kept for later. The first attempt fails, and
# the job waits for its second; now the last edit is added. add says nothing of it (it gives a job that
# has the first one's id, and the last one's data), and the edit is gone: when the second attempt is over, the
# older, kept one runs, and nothing after it. Had the last edit come during an attempt it would have run.
# With replace, which takes a job that waits for its next attempt out of the queue, the last one runs, but
# the first does not get its second attempt.
#
# Guess that it breaks: the page on deduplication says of this option that the next job always has the data
# that was added last, and gives deployments as its case: the last push is what runs at the end. It also says
# that a job that waits or is delayed takes no further one, as usual, and that what is kept stays kept over a
# retry. That the three together run an older edit after, and in the place of, the last one is in none of them,
# and shows only where an attempt has failed.
#
# Seen (which data the worker gets, in order; it fails where there is a !):
#   edit in the first attempt, last in the second: first! first last
#   edit in the first, last between:               first! first edit
#   last between, nothing before:                  first! first
#   edit in the first, last between, replace:      first! last
#   no failure, edit and last in the first:        first last
#   what add gives between:                        id of the first, data of the last
#
# Needs Node.js with npm, and apt-get (the package is only downloaded).
set -euo pipefail
dir=$(mktemp -d)
server=
trap 'if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi; rm -rf "$dir"' EXIT
cd "$dir"
mkdir deb && (cd deb && for p in redis-tools=5:7.0.15-1~deb12u10 libjemalloc2 liblzf1 libatomic1; do
  apt-get download "$p" >/dev/null 2>&1 || { echo "cannot be downloaded: $p (run apt-get update)" >&2; exit 1; }
done)
for d in deb/*.deb; do dpkg-deb -x "$d" root; done
# The server's program is redis-check-rdb under another name.
cp root/usr/bin/redis-check-rdb redis-server
if (: >/dev/tcp/127.0.0.1/42971) 2>/dev/null; then echo "port 42971 is in use" >&2; exit 1; fi
LD_LIBRARY_PATH=$(echo "$dir/root"/usr/lib/*-linux-gnu) ./redis-server --port 42971 --bind 127.0.0.1 --save '' --dir "$dir" >log 2>&1 &
server=$!
npm init -y >/dev/null
npm install --silent --ignore-scripts bullmq@6.7.0 ioredis@6.0.0 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >last.js <<'JS'
const { Queue, Worker } = require('bullmq');
const connection = { host: '127.0.0.1', port: 42971, maxRetriesPerRequest: null };

let same = true;
function line(name, got, want) {
  console.log(`${name}: ${got}`);
  same = same && got === want;
}

// Runs one queue by hand. steps names what is added: during the first attempt, between the two, during the second.
async function row(name, { during = [], between = [], second = [], fails = true, more = {} }, want) {
  const queue = new Queue(name.replace(/\W+/g, '-'), { connection });
  const worker = new Worker(queue.name, null, { connection });
  const add = (value) => queue.add('sync', { value }, {
    attempts: 2, backoff: { type: 'fixed', delay: 2000 }, deduplication: { id: 'document', keepLastIfActive: true, ...more },
  });
  const first = await add('first');
  const ran = [];
  let given;
  for (let failed = false; ;) {
    const job = await worker.getNextJob('token', { block: false });
    if (!job) {
      const { delayed, waiting, active } = await queue.getJobCounts('delayed', 'waiting', 'active');
      if (delayed + waiting + active === 0) break;
      await new Promise((done) => setTimeout(done, 50));
      continue;
    }
    const again = job.id === first.id && failed;
    if (ran.length === 0) for (const v of during) await add(v);
    if (again) for (const v of second) await add(v);
    if (ran.length === 0 && fails) {
      ran.push(`${job.data.value}!`);
      failed = true;
      await job.moveToFailed(new Error('as asked'), 'token');
      if (await first.getState() !== 'delayed') throw new Error(`${name}: ${await first.getState()}`);
      for (const v of between) given = await add(v);
      continue;
    }
    ran.push(job.data.value);
    await job.moveToCompleted('done', 'token', false);
  }
  line(name, ran.join(' '), want);
  await worker.close();
  await queue.close();
  return given && `id of ${given.id === first.id ? 'the first' : 'its own'}, data of the ${given.data.value}`;
}

async function main() {
  await row('edit in the first attempt, last in the second', { during: ['edit'], second: ['last'] }, 'first! first last');
  const given = await row('edit in the first, last between', { during: ['edit'], between: ['last'] }, 'first! first edit');
  await row('last between, nothing before', { between: ['last'] }, 'first! first');
  await row('edit in the first, last between, replace', { during: ['edit'], between: ['last'], more: { replace: true } }, 'first! last');
  await row('no failure, edit and last in the first', { during: ['edit', 'last'], fails: false }, 'first last');
  line('what add gives between', given, 'id of the first, data of the last');
  if (!same) console.log('changed or broken');
  process.exit(same ? 0 : 1);
}

main().catch((e) => { console.log('changed or broken:', e); process.exit(1); });
JS
for _ in $(seq 100); do if (: >/dev/tcp/127.0.0.1/42971) 2>/dev/null; then break; fi; sleep 0.1; done
timeout 120 node last.js
