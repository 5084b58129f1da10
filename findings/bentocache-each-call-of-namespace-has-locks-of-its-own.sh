#!/usr/bin/env bash
# bentocache 1.6.1 (Node.js) with its memory driver, seen 2026-11-30.
#
# Ten requests at once want one key that is not in the cache: the factory runs once, nine wait for it. Each request asks
# bento.namespace('users') for its cache, as it is written in a handler, and the factory runs ten times, and ten results overwrite
# each other: the locks belong to the object that namespace() gave, though values, and the names of keys, are shared. So it is for
# a value that is in its grace period, and with a request that goes to the root by the whole key. If the object is kept, the
# factory runs once. deleteByTag of the root, too, says true and reaches nothing in a namespace, where clear of the root reaches all.
#
# Guess that it breaks: the page "Stampede Protection" says that of ten thousand at once for a key one runs the factory, and that of
# namespaces that they are a name before the keys. Two objects of one name would then be one cache; and so they are for get and set.
#
# Seen (how often the factory ran for ten at once, and how many values they got):
#   the root:                                1 run, 1 value
#   one namespace, kept:                     1 run, 1 value
#   one namespace, called for each:          10 runs, 10 values
#   the same in its grace period:            10 runs, 10 values
#   kept by five, the root by five:          2 runs, 2 values
#   tagged in a namespace, root.deleteByTag: true, still there
#   tagged in a namespace, its deleteByTag:  true, gone
#   tagged in a namespace, root.clear:       gone
#
# Needs Node.js 20 or later with npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --ignore-scripts --no-audit --no-fund bentocache@1.6.1 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >namespaces.mjs <<'JS'
import { setTimeout as sleep } from 'node:timers/promises';
import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';

const fresh = () => new BentoCache({ default: 'one', stores: { one: bentostore().useL1Layer(memoryDriver({})) } });
let same = true;
function line(name, got, want) {
  console.log(`${name}: ${got}`);
  same = same && got === want;
}
const times = (n, what) => `${n} ${what}${n === 1 ? '' : 's'}`;

/** Ten at once, each with the cache and key that it is given. */
async function ten(of, options = {}) {
  let runs = 0;
  const factory = async () => {
    const run = ++runs;
    await sleep(200);
    return run;
  };
  const got = await Promise.all(Array.from({ length: 10 }, (_, i) => {
    const [cache, key] = of(i);
    return cache.getOrSet({ key, factory, ...options });
  }));
  return `${times(runs, 'run')}, ${times(new Set(got).size, 'value')}`;
}

let bento = fresh();
line('the root', await ten(() => [bento, 'users:1']), '1 run, 1 value');
bento = fresh();
const kept = bento.namespace('users');
line('one namespace, kept', await ten(() => [kept, '1']), '1 run, 1 value');
bento = fresh();
line('one namespace, called for each', await ten(() => [bento.namespace('users'), '1']), '10 runs, 10 values');
bento = fresh();
await bento.namespace('users').set({ key: '1', value: 'old', ttl: 1, grace: '1h' });
await sleep(20);
line('the same in its grace period', await ten(() => [bento.namespace('users'), '1'], { grace: '1h', timeout: '1m' }), '10 runs, 10 values');
bento = fresh();
const five = bento.namespace('users');
line('kept by five, the root by five', await ten((i) => (i % 2 ? [five, '1'] : [bento, 'users:1'])), '2 runs, 2 values');

async function tagged(remove) {
  bento = fresh();
  const users = bento.namespace('users');
  await users.set({ key: '1', value: 'ann', tags: ['people'] });
  await sleep(20);
  const said = await remove(users);
  const left = (await users.get({ key: '1' })) === undefined ? 'gone' : 'still there';
  return said === undefined ? left : `${said}, ${left}`;
}
line('tagged in a namespace, root.deleteByTag', await tagged(() => bento.deleteByTag({ tags: ['people'] })), 'true, still there');
line('tagged in a namespace, its deleteByTag', await tagged((users) => users.deleteByTag({ tags: ['people'] })), 'true, gone');
line('tagged in a namespace, root.clear', await tagged(() => bento.clear()), 'gone');
if (!same) console.log('changed or broken');
process.exit(same ? 0 : 1);
JS
timeout 60 node namespaces.mjs
