#!/usr/bin/env bash
# cache-manager 7.2.9 (Node.js) with Keyv 5.6.0, seen 2026-11-30.
#
# Two processes have a store of their own before one that they share, and read by wrap with a ttl of three seconds. The second
# process reads the value when a second of it is left, from the shared store, and puts it into its own for three
# seconds anew. When the shared one has let it go, and the first process has loaded the new value, the second goes on with the
# old one. A value that was set for half a second is given by such a reader for three more.
#
# Guess that it breaks: the ttl is the age at which a value is no longer given, by whichever store; the value is read with the time
# at which it expires, which wrap itself asks for (it compares it with refreshThreshold), so that what is
# taken over ends when it would have ended. The README calls the ttl the longest time that an item can stay in the cache.
#
# Seen (what each process gives by wrap; loads are counted):
#   first at 0 s:                                       load 1
#   second at 2 s, from the shared store:               load 1, for 3 s more
#   first at 3.5 s:                                     load 2
#   second at 3.5 s:                                    load 1
#   get of the shared store at 3.5 s:                   load 2
#   set for 0.5 s, read at once, again after 1 s:       short, short
#   the same, one process and one store:                short, load 1
#
# Needs Node.js 20 or later with npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --ignore-scripts cache-manager@7.2.9 keyv@5.6.0 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >life.mjs <<'JS'
import { createCache } from 'cache-manager';
import { Keyv } from 'keyv';

let same = true;
function line(name, got, want) {
  console.log(`${name}: ${got}`);
  same = same && got === want;
}

// The clock is set by hand, so that no row depends on how fast the machine is.
const real = Date.now;
const began = real();
let after = 0;
Date.now = () => began + after;

// Caches that share one store behind one of their own, as processes do.
function processes(n) {
  const shared = new Map();
  return Array.from({ length: n }, () => createCache({ ttl: 3000, stores: [new Keyv(), new Keyv({ store: shared })] }));
}

let loads = 0;
const load = async () => `load ${loads += 1}`;

const [first, second] = processes(2);
line('first at 0 s', await first.wrap('key', load), 'load 1');
after = 2000;
const taken = await second.wrap('key', load);
line('second at 2 s, from the shared store', `${taken}, for ${(await second.ttl('key') - Date.now()) / 1000} s more`, 'load 1, for 3 s more');
after = 3500;
line('first at 3.5 s', await first.wrap('key', load), 'load 2');
line('second at 3.5 s', await second.wrap('key', load), 'load 1');
line('get of the shared store at 3.5 s', await second.stores[1].get('key'), 'load 2');

const [writer, reader] = processes(2);
await writer.set('key', 'short', 500);
const early = await reader.wrap('key', load);
after += 1000;
line('set for 0.5 s, read at once, again after 1 s', `${early}, ${await reader.wrap('key', load)}`, 'short, short');

const alone = createCache({ ttl: 3000 });
await alone.set('key', 'short', 500);
const now = await alone.wrap('key', load);
after += 1000;
loads = 0;
line('the same, one process and one store', `${now}, ${await alone.wrap('key', load)}`, 'short, load 1');
if (!same) console.log('changed or broken');
process.exit(same ? 0 : 1);
JS
timeout 60 node life.mjs
