#!/usr/bin/env bash
# Logux Core 0.10.0 (npm, @logux/core: logs that clients and servers synchronize), MemoryStore, seen 2026-12-01.
#
# A client adds "deposit 100", the server gets it, and the connection ends before the server's word that it has it. The client
# connects again and sends the action again, as it must, under the same meta.id. The server carries it out twice: 200. What differs is
# meta.time, which a node corrects by what it takes for the difference of the clocks (fixTime, which is on for a client), and
# which it measures anew at each connection: here the first answer of the second one came 6 s later, and the time is 3 s
# earlier; some milliseconds do. MemoryStore looks for the same id on its way to the place that the time gives, and no further: with another action of the
# server between the two times it never comes to the first copy. Without one the second copy is refused.
#
# Guess that it breaks: meta.id is described as the unique ID of an action, and a store's add as one that gives false if an action with
# the same id is in it already; so whoever writes an action that adds, and not one that sets, may trust in it. In a trial the two
# measurements are the same to the millisecond, or nothing happens between.
#
# Seen (the balance before and after the reconnection):
#   as fast as before, an action between:      100; 100
#   6 s slower, nothing between:               100; 100
#   6 s slower, an action between:             100; 200
#
# Needs Node.js with npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @logux/core@0.10.0 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >again.mjs <<'JS'
import { ClientNode, LocalPair, Log, MemoryStore, ServerNode } from '@logux/core'

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

/** Waits for what others do; 20 s are taken for never. */
async function until(what, is) {
  for (let i = 0; i < 2000; i++) {
    if (is()) return
    await sleep(10)
  }
  throw new Error('never: ' + what)
}

async function trial(slower, between) {
  const server = new Log({ nodeId: 'server', store: new MemoryStore() })
  const client = new Log({ nodeId: 'user:1', store: new MemoryStore() })
  for (const log of [server, client]) log.on('preadd', (action, meta) => meta.reasons.push('kept'))
  let balance = 0
  server.on('add', action => {
    if (action.type === 'deposit') balance += action.amount
  })

  // The server's side of the connection: the word that the action was got is lost, until the connection is made anew.
  const pair = new LocalPair()
  const send = pair.right.send.bind(pair.right)
  let first = true
  let answered = 0
  pair.right.send = message => {
    if (message[0] === 'synced') {
      answered++
      if (first) return
    }
    if (message[0] === 'connected' && !first) setTimeout(() => send(message), slower)
    else send(message)
  }

  const nodes = [new ClientNode('user:1', client, pair.left), new ServerNode('server', server, pair.right)]
  await pair.left.connect()
  await nodes[0].waitFor('synchronized')
  if (between) await server.add({ type: 'other' })
  await sleep(1000)
  await client.add({ type: 'deposit', amount: 100 })
  await until('the action comes to the server', () => answered === 1)
  const before = balance

  await pair.left.disconnect()
  await until('the server sees the end', () => !pair.right.connected)
  first = false
  nodes.push(new ServerNode('server', server, pair.right))
  await pair.left.connect()
  await until('the action comes again', () => answered === 2)
  await sleep(100)
  for (const node of nodes) node.destroy()
  return before + '; ' + balance
}

let asSeen = true
for (const [name, slower, between, want] of [
  ['as fast as before, an action between', 0, true, '100; 100'],
  ['6 s slower, nothing between', 6000, false, '100; 100'],
  ['6 s slower, an action between', 6000, true, '100; 200']
]) {
  const got = await trial(slower, between)
  console.log(name + ': ' + got)
  asSeen &&= got === want
}
if (!asSeen) console.log('changed or broken')
process.exit(asSeen ? 0 : 1)
JS
timeout 120 node again.mjs
