#!/usr/bin/env bash
# Collabs 0.13.4 (npm, @collabs/collabs: replicated data types), CRuntime, seen 2026-12-01.
#
# Ann adds an item to a set. Bob gets it as a saved state, by save and load, as a document is opened, and deletes it. Carl gets both messages, Bob's first.
# He has the item, and the other two have not; nothing mends it: all messages are delivered, and when each has loaded the saved state of
# the others it is the same still. What Bob has loaded is not among that on which his message says it depends, so that Carl carries out the
# deletion of something that is not there, and then adds it. If Bob got the item as a message, Carl keeps the deletion back
# until the item has come, and all agree. So it is with an entry of a map.
#
# Guess that it breaks: by the comments of receive, messages may be delayed, reordered and repeated, and two replicas with the same set of messages are in
# the same state; by those of load, it is roughly as if each message in the saved state had been received. Each of the two alone is so. As long as all
# messages go through one server nobody sees it.
#
# Seen (what Ann, Bob and Carl have):
#   set, Bob got a message, Carl in disorder:    none; none; none
#   set, Bob loaded, Carl in order:              none; none; none
#   set, Bob loaded, Carl in disorder:           none; none; item
#   map, Bob loaded, Carl in disorder:           none; none; item
#
# Needs Node.js with npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @collabs/collabs@0.13.4 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >overtakes.mjs <<'JS'
import { CRuntime, CValueMap, CValueSet } from '@collabs/collabs';

const kinds = {
    set: {
        make: (init) => new CValueSet(init),
        add: (list) => list.add('item'),
        remove: (list) => list.delete('item'),
    },
    map: {
        make: (init) => new CValueMap(init),
        add: (list) => list.set('item', 1),
        remove: (list) => list.delete('item'),
    },
};

/** A replica: the document, its list, and the messages that it has sent. */
function replica(kind, name) {
    const runtime = new CRuntime({ debugReplicaID: name });
    const list = runtime.registerCollab('list', kind.make);
    const sent = [];
    runtime.on('Send', (e) => sent.push(e.message));
    return { runtime, list, sent };
}

function trial(kind, loads, inOrder) {
    const [ann, bob, carl] = ['ann', 'bob', 'carl'].map((name) => replica(kind, name));
    ann.runtime.transact(() => kind.add(ann.list));
    if (loads) bob.runtime.load(ann.runtime.save());
    else ann.sent.forEach((m) => bob.runtime.receive(m));
    if (!bob.list.has('item')) throw new Error('Bob has not got the item');
    bob.runtime.transact(() => kind.remove(bob.list));

    for (const { sent } of inOrder ? [ann, bob] : [bob, ann]) sent.forEach((m) => carl.runtime.receive(m));
    const all = [ann, bob, carl];
    // Everybody gets everything: each message, and each saved state, twice.
    for (let i = 0; i < 2; i++) {
        for (const to of all) {
            for (const from of all) {
                if (to === from) continue;
                from.sent.forEach((m) => to.runtime.receive(m));
                to.runtime.load(from.runtime.save());
            }
        }
    }
    return all.map(({ list }) => (list.has('item') ? 'item' : 'none')).join('; ');
}

let asSeen = true;
for (const [name, kind, loads, inOrder, want] of [
    ['set, Bob got a message, Carl in disorder', kinds.set, false, false, 'none; none; none'],
    ['set, Bob loaded, Carl in order', kinds.set, true, true, 'none; none; none'],
    ['set, Bob loaded, Carl in disorder', kinds.set, true, false, 'none; none; item'],
    ['map, Bob loaded, Carl in disorder', kinds.map, true, false, 'none; none; item'],
]) {
    const got = trial(kind, loads, inOrder);
    console.log(`${name}: ${got}`);
    asSeen &&= got === want;
}
if (!asSeen) {
    console.log('changed or broken');
    process.exit(1);
}
JS
timeout 120 node overtakes.mjs
