#!/usr/bin/env bash
# unstorage 1.17.6 (npm, key-value storage of Nitro and Nuxt) on Node.js 20, seen 2026-11-30.
#
# Answers are kept by their address. What is behind a question mark is no part of a key: /items?page=2 is /items?page=1, get gives the
# other one's value, set overwrites it, remove takes it away. So is a key of which a user's text is a part. And a
# value is not always what was set: a string of up to 16 digits comes back as a number, and a long id as another number; the
# string null says that there is nothing, true is a boolean, and what looks like JSON an object. In
# JSON, as a member of an object, strings stay what they are.
#
# Guess that it breaks: the guide says of keys that slashes are colons, and nothing of question marks; other keys are other keys.
# setItem stores a value that JSON has, and getItem gives it back; that a string is one, and one's own id another's, one would not look for.
#
# Seen (memory and fs alike; what get of the first says after both were set, and the keys):
#   /items?page=1 and /items?page=2: other; keys items
#   why?:ann and why?:bob:           other; keys why
#   why?:ann, why?:bob removed:      null
#   items/1 and items/2:             one; keys items:1, items:2
#   "9007199254740993", "007", "1e3", "null", "true": 9007199254740992 "007" 1000 null true
#   { id: "9007199254740993", name: "null" }:         {"id":"9007199254740993","name":"null"}
#
# Needs Node.js with npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --ignore-scripts --no-audit --no-fund unstorage@1.17.6 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >keys.mjs <<'JS'
import { createStorage } from 'unstorage';
import fs from 'unstorage/drivers/fs';
import memory from 'unstorage/drivers/memory';

let same = true;
function line(name, got, want) {
  console.log(`${name}: ${got}`);
  same = same && got === want;
}

for (const [driver, made] of [['memory', memory], ['fs', fs]]) {
  const fresh = async () => {
    const storage = createStorage({ driver: made({ base: './data' }) });
    await storage.clear();
    return storage;
  };
  const two = async (one, other) => {
    const storage = await fresh();
    await storage.setItem(one, 'one');
    await storage.setItem(other, 'other');
    const keys = (await storage.getKeys()).sort().join(', ');
    return [storage, `${await storage.getItem(one)}; keys ${keys}`];
  };
  line(`${driver}, two pages`, (await two('/items?page=1', '/items?page=2'))[1], 'other; keys items');
  const [storage, got] = await two('why?:ann', 'why?:bob');
  line(`${driver}, ann and bob`, got, 'other; keys why');
  await storage.removeItem('why?:bob');
  line(`${driver}, ann without bob`, `${await storage.getItem('why?:ann')}`, 'null');
  line(`${driver}, no question mark`, (await two('items/1', 'items/2'))[1], 'one; keys items:1, items:2');
  const set = async (value) => {
    await storage.setItem('value', value);
    return JSON.stringify(await storage.getItem('value'));
  };
  const values = [];
  for (const value of ['9007199254740993', '007', '1e3', 'null', 'true']) values.push(await set(value));
  line(`${driver}, strings`, values.join(' '), '9007199254740992 "007" 1000 null true');
  line(`${driver}, in an object`, await set({ id: '9007199254740993', name: 'null' }), '{"id":"9007199254740993","name":"null"}');
}
if (!same) console.log('changed or broken');
process.exit(same ? 0 : 1);
JS
timeout 60 node keys.mjs
