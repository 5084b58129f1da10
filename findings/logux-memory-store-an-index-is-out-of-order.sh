#!/usr/bin/env bash
# Logux Core 0.10.0 (npm, @logux/core: logs of actions in the order of their times), MemoryStore, seen 2026-12-01.
#
# A log keeps the actions of one document under an index, and gives them newest first, so that the first one says what the document is
# called. Three actions come in the order 1, 3, 2, as they do from a client that was offline; the one of time 3 belongs to another
# document. The whole log is in order: 3, 2, 1. The index is not: it has 1 as the newest, before 2, and the old name wins, for good. It is so
# whenever an action comes late in the log and is the last one of its index: it is put in front of the index's last in the place of behind it.
# If the one of time 3 is in the index too, or all come in order, it is right. order: 'added' is not concerned.
#
# Guess that it breaks: what one asks for is the order by creation, with an index "for quick extraction"; the same actions without the index, in
# the same call, are in order. Trials have one document.
#
# Seen (the times, newest first: the whole log; the index; the index, if all are in it; the index, added in order):
#   3 2 1; 1 2; 3 2 1; 2 1
#
# Needs Node.js with npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @logux/core@0.10.0 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >order.mjs <<'JS'
import { Log, MemoryStore } from '@logux/core'

/** A log with an action for each time; those of indexed are under the index. */
async function filled(times, indexed) {
  const log = new Log({ nodeId: 'server', store: new MemoryStore() })
  for (const time of times) {
    await log.add({ type: 'rename' }, {
      id: time + ' user:1 0',
      time,
      reasons: ['kept'],
      indexes: indexed.includes(time) ? ['document'] : []
    })
  }
  return log
}

async function newestFirst(log, index) {
  const times = []
  await log.each({ order: 'created', index }, (action, meta) => {
    times.push(meta.time)
  })
  return times.join(' ')
}

const log = await filled([1, 3, 2], [1, 2])
const got = [
  await newestFirst(log),
  await newestFirst(log, 'document'),
  await newestFirst(await filled([1, 3, 2], [1, 2, 3]), 'document'),
  await newestFirst(await filled([1, 2, 3], [1, 2]), 'document')
].join('; ')
console.log(got)
if (got !== '3 2 1; 1 2; 3 2 1; 2 1') {
  console.log('changed or broken')
  process.exit(1)
}
JS
timeout 120 node order.mjs
