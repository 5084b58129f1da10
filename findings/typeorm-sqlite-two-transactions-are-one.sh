#!/usr/bin/env bash
# TypeORM 1.1.1 (npm) with SQLite, as sql.js 1.17.0 and as better-sqlite3's interface in libsql 0.5.29, seen 2026-11-29.
#
# Two requests run dataSource.transaction(...) at the same time. The second one's promise is
# fulfilled, its row is read back by everybody, and when the first one fails and is rolled back the
# second one's write is gone. So is what was saved without a transaction meanwhile. Everybody sees what
# the first one has not committed. Of a DataSource for SQLite there is one QueryRunner for all: a
# second transaction is taken for one nested in the first, which the outer rollback takes back.
#
# Guess that it breaks: two transactions are two, as with every other database behind the same call, or
# the second waits for the first or fails, since SQLite takes one writer at a time. The page
# "Transactions" tells to use the manager that the callback is given and no other; both do. It does
# not say that SQLite is another case. Two web requests at the same time are enough.
#
# Seen (A takes 100 from account 1 and fails after B; both drivers alike):
#   B in a transaction:      fulfilled while A was open, others read 0, 777; in the end 100, 100
#   B without a transaction: fulfilled while A was open, others read 0, 777; in the end 100, 100
#   B after A:               fulfilled, others read 100, 777; in the end 100, 777
#
# Needs Node.js with npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund typeorm@1.1.1 reflect-metadata@0.2.2 sql.js@1.17.0 libsql@0.5.29 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >two.mjs <<'JS'
import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import libsql from 'libsql';
import typeorm from 'typeorm';

const { DataSource, EntitySchema } = typeorm;
const Account = new EntitySchema({
  name: 'account',
  columns: { id: { type: 'int', primary: true }, balance: { type: 'int' } },
});

async function run(options, second) {
  const db = await new DataSource({ ...options, entities: [Account], synchronize: true }).initialize();
  const balances = async () =>
    (await db.manager.find(Account, { order: { id: 'ASC' } })).map((a) => a.balance).join(', ');
  await db.manager.save(Account, [{ id: 1, balance: 100 }, { id: 2, balance: 100 }]);

  let fail;
  let begun;
  const failing = new Promise((resolve) => { fail = resolve; });
  const written = new Promise((resolve) => { begun = resolve; });
  const a = db.transaction(async (manager) => {
    await manager.update(Account, 1, { balance: 0 });
    begun();
    await failing;
    throw new Error('A fails');
  }).catch((e) => e.message);
  await written;
  const write = (manager) => manager.update(Account, 2, { balance: 777 });
  if (second === 'after') {
    fail();
    await a;
  }
  const b = (second === 'without' ? write(db.manager) : db.transaction(write)).then(() => 'fulfilled', (e) => e.message);
  let said = await Promise.race([b, sleep(2000).then(() => 'waits')]);
  if (second !== 'after') said += ' while A was open';
  said += `, others read ${await balances()}`;
  fail();
  if (await a !== 'A fails') throw new Error(`A: ${await a}`);
  await b;
  said += `; in the end ${await balances()}`;
  await db.destroy();
  return said;
}

let asSeen = true;
for (const [driver, options] of [
  ['sqljs', { type: 'sqljs' }],
  ['better-sqlite3', { type: 'better-sqlite3', driver: libsql }],
]) {
  for (const [second, name] of [['in', 'B in a transaction'], ['without', 'B without a transaction'], ['after', 'B after A']]) {
    const got = await run(driver === 'sqljs' ? options : { ...options, database: `${second}.db` }, second);
    console.log(`${driver}, ${name}: ${got}`);
    asSeen &&= got === (second === 'after'
      ? 'fulfilled, others read 100, 777; in the end 100, 777'
      : 'fulfilled while A was open, others read 0, 777; in the end 100, 100');
  }
}
if (!asSeen) {
  console.log('changed or broken');
  process.exit(1);
}
JS
node two.mjs
