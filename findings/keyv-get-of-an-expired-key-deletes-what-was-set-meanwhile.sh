#!/usr/bin/env bash
# Keyv 5.6.0 (npm) on Node.js 20, seen 2026-11-30.
#
# The value of a key has expired. A get reads it, sees that, and deletes the key; it deletes by the name, whatever is there by then. When another
# request sets the key between the read and the delete, the new value is gone at once, of which set had said true: the usual
# moment for a set is just then, since who finds nothing loads and stores. The two need not be at the same process. getMany does the same, to keys
# that were not even asked for by anybody else; has does not delete. With a value that has not expired nothing is lost.
#
# Guess that it breaks: a read of a cache takes nothing away that is still good. A lock or a flag with a lifetime ("seen", "sent") that was renewed
# in time is not there. The README says that a get of an expired key gives undefined; that it deletes, it does not say. Stores that expire keys
# themselves, as Redis does, have it seldom.
#
# Seen (k is set to new while it is read; what set says, and what the next get gives):
#   a store of 20 ms, get of an expired key:      true; nothing
#   a store of 20 ms, getMany:                    true; nothing
#   a store of 20 ms, has:                        true; new
#   a store of 20 ms, get of one not expired:     true; new
#   a Map, get of an expired key:                 true; nothing
#
# Needs Node.js with npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts keyv@5.6.0 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >expired.mjs <<'JS'
import Keyv from 'keyv';
import { setTimeout as sleep } from 'node:timers/promises';

/** A store behind a network: each call is carried out after half of its time, and answered after all of it. */
class Slow {
  opts = {};
  #map = new Map();
  async #call(what) {
    await sleep(10);
    const answer = what(this.#map);
    await sleep(10);
    return answer;
  }
  get(key) { return this.#call((map) => map.get(key)); }
  set(key, value) { return this.#call((map) => { map.set(key, value); }); }
  delete(key) { return this.#call((map) => map.delete(key)); }
  clear() { return this.#call((map) => map.clear()); }
}

let same = true;
async function row(name, want, { store = new Slow(), read = (keyv) => keyv.get('k'), life = 50 }) {
  const keyv = new Keyv({ store });
  await keyv.set('k', 'old', life);
  await sleep(200);
  const [, said] = await Promise.all([read(keyv), keyv.set('k', 'new', 60000)]);
  const got = `${said}; ${(await keyv.get('k')) ?? 'nothing'}`;
  console.log(`${name}: ${got}`);
  same = same && got === want;
}

await row('a store of 20 ms, get of an expired key', 'true; nothing', {});
await row('a store of 20 ms, getMany', 'true; nothing', { read: (keyv) => keyv.getMany(['k']) });
await row('a store of 20 ms, has', 'true; new', { read: (keyv) => keyv.has('k') });
await row('a store of 20 ms, get of one not expired', 'true; new', { life: 60000 });
await row('a Map, get of an expired key', 'true; nothing', { store: new Map() });
if (!same) console.log('changed or broken');
process.exit(same ? 0 : 1);
JS
timeout 600 node expired.mjs
