#!/usr/bin/env bash
# Keyv 5.6.0 (npm) on Node.js 20, seen 2026-11-30.
#
# Two caches, users and carts, are two namespaces of one Map. get, has and delete of each see its own keys. The iterator of
# users, though, yields the entries of carts, and not one of its own: the namespace that it goes by is kept at the Map, and
# the one that was made last has set it. A program that goes through users and deletes what is too old by what it finds
# there decides by the entries of carts, and deletes users, where keys are the same. And clear of users empties carts
# too. With a Map of its own for each, both are as they should be.
#
# Guess that it breaks: namespaces are there "to avoid key collisions and allow you to clear only a certain namespace while
# using the same database", clear is to "delete all entries in the current namespace", and iterator to "iterate over
# all entries of the current namespace"; and a Map is among the stores of the README. An iterator that gives what is
# in the other one, and leaves out its own, nobody would guess.
#
# Seen (users has ann 1, carts has ann 20 and bob 30; carts is made last, if not said otherwise):
#   one Map, get ann:                            1 of users, 20 of carts
#   one Map, iterator of users:                  ann 20, bob 30
#   one Map, iterator of carts:                  ann 20, bob 30
#   one Map, users made last, iterator of carts: ann 1
#   one Map, after delete of ann in users:       none in users, ann 20, bob 30 in carts
#   one Map, after clear of users:               none in users, none in carts
#   two Maps, iterator of users:                 ann 1
#   two Maps, after clear of users:              none in users, ann 20, bob 30 in carts
#
# Needs Node.js with npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --ignore-scripts keyv@5.6.0 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >names.mjs <<'JS'
import Keyv from 'keyv';

let same = true;
function line(name, got, want) {
  console.log(`${name}: ${got}`);
  same = same && got === want;
}

async function made(maps, last) {
  const caches = {};
  for (const namespace of last === 'carts' ? ['users', 'carts'] : ['carts', 'users']) {
    caches[namespace] = new Keyv({ store: maps[namespace], namespace });
  }
  await caches.users.set('ann', 1);
  await caches.carts.set('ann', 20);
  await caches.carts.set('bob', 30);
  return caches;
}

const one = (last = 'carts') => {
  const map = new Map();
  return made({ users: map, carts: map }, last);
};
const two = () => made({ users: new Map(), carts: new Map() }, 'carts');

async function iterated(cache) {
  const got = [];
  for await (const [key, value] of cache.iterator()) got.push(`${key} ${value}`);
  return got.join(', ') || 'none';
}

// By get and not by the iterator.
async function has(cache) {
  const got = [];
  for (const key of ['ann', 'bob']) {
    const value = await cache.get(key);
    if (value !== undefined) got.push(`${key} ${value}`);
  }
  return got.join(', ') || 'none';
}

const left = async ({ users, carts }) => `${await has(users)} in users, ${await has(carts)} in carts`;

let c = await one();
line('one Map, get ann', `${await c.users.get('ann')} of users, ${await c.carts.get('ann')} of carts`, '1 of users, 20 of carts');
line('one Map, iterator of users', await iterated(c.users), 'ann 20, bob 30');
line('one Map, iterator of carts', await iterated(c.carts), 'ann 20, bob 30');
line('one Map, users made last, iterator of carts', await iterated((await one('users')).carts), 'ann 1');
await c.users.delete('ann');
line('one Map, after delete of ann in users', await left(c), 'none in users, ann 20, bob 30 in carts');
c = await one();
await c.users.clear();
line('one Map, after clear of users', await left(c), 'none in users, none in carts');
c = await two();
line('two Maps, iterator of users', await iterated(c.users), 'ann 1');
await c.users.clear();
line('two Maps, after clear of users', await left(c), 'none in users, ann 20, bob 30 in carts');
if (!same) console.log('changed or broken');
process.exit(same ? 0 : 1);
JS
timeout 60 node names.mjs
