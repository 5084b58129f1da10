#!/usr/bin/env bash
# pg-mem 3.0.14 (npm, PostgreSQL in memory for tests; its adapter for node-postgres) on Node.js 20, seen 2026-11-30.
#
# client.query('BEGIN'), an UPDATE, client.query('ROLLBACK'), as each program and each ORM does it: the ROLLBACK is
# answered without an error, and the update stays. Other clients have seen it before, too. Of a transfer whose second half fails
# the first half is left after the ROLLBACK. A transaction lasts as long as one call: the same three statements in
# one string are rolled back. After a failed statement the next one of the "transaction" is carried out, where PostgreSQL
# would refuse it, and COMMIT says COMMIT.
#
# Guess that it breaks: BEGIN and ROLLBACK are accepted, and in one string do what they should, so that transactions look
# supported; of the adapters it is said that they are to be used in the place of the driver. A test of "nothing is left
# of a failed request" fails here with a program that is right; and one of what is kept passes with a program that has
# forgotten its COMMIT.
#
# Seen (accounts 1 and 2 with 100 each; what another client reads before the end, and after it):
#   BEGIN, update 1, ROLLBACK in calls of their own:      1:90 2:100; 1:90 2:100
#   the same on a client of a Pool:                       1:90 2:100; 1:90 2:100
#   BEGIN, update 1, a failing insert, ROLLBACK:          1:90 2:100; 1:90 2:100
#   BEGIN, update 1, a failing insert, update 2, COMMIT:  1:90 2:110; 1:90 2:110, COMMIT
#   BEGIN, update 1, ROLLBACK in one string:              1:100 2:100
#   update 1 and a failing insert in one string:          1:100 2:100
#
# Needs Node.js with npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --ignore-scripts pg-mem@3.0.14 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >rollback.js <<'JS'
const { newDb } = require('pg-mem');

const less = 'UPDATE account SET balance = 90 WHERE id = 1';
const more = 'UPDATE account SET balance = 110 WHERE id = 2';
const failing = 'INSERT INTO account VALUES (2, 0)';
let same = true;

// A database of its own for each row, with a client that acts and another one that reads.
async function row(name, act, want) {
  const { Client, Pool } = newDb().adapters.createPg();
  const other = new Client();
  await other.connect();
  await other.query('CREATE TABLE account(id INT PRIMARY KEY, balance INT)');
  await other.query('INSERT INTO account VALUES (1, 100), (2, 100)');
  const read = async () => (await other.query('SELECT id, balance FROM account ORDER BY id')).rows
    .map((r) => `${r.id}:${r.balance}`).join(' ');
  const client = new Client();
  await client.connect();
  const got = await act(client, read, Pool);
  console.log(`${name}: ${got}`);
  same = same && got === want;
}

// The statements in calls of their own; the last one ends the transaction. The failing one has to fail, and no other.
async function calls(client, read, statements) {
  const end = statements.pop();
  for (const s of ['BEGIN', ...statements]) {
    const failed = await client.query(s).then(() => false, () => true);
    if (failed !== (s === failing)) throw new Error(`${s} ${failed ? 'fails' : 'does not fail'}`);
  }
  const during = await read();
  const { command } = await client.query(end);
  return `${during}; ${await read()}${end === 'COMMIT' ? `, ${command}` : ''}`;
}

async function main() {
  await row('BEGIN, update 1, ROLLBACK in calls of their own', (c, read) => calls(c, read, [less, 'ROLLBACK']), '1:90 2:100; 1:90 2:100');
  await row('the same on a client of a Pool', async (c, read, Pool) => {
    const pool = new Pool();
    const own = await pool.connect();
    const got = await calls(own, read, [less, 'ROLLBACK']);
    own.release();
    return got;
  }, '1:90 2:100; 1:90 2:100');
  await row('BEGIN, update 1, a failing insert, ROLLBACK', (c, read) => calls(c, read, [less, failing, 'ROLLBACK']), '1:90 2:100; 1:90 2:100');
  await row('BEGIN, update 1, a failing insert, update 2, COMMIT', (c, read) => calls(c, read, [less, failing, more, 'COMMIT']),
    '1:90 2:110; 1:90 2:110, COMMIT');
  await row('BEGIN, update 1, ROLLBACK in one string', async (c, read) => {
    await c.query(`BEGIN; ${less}; ROLLBACK`);
    return read();
  }, '1:100 2:100');
  await row('update 1 and a failing insert in one string', async (c, read) => {
    if (await c.query(`${less}; ${failing}`).then(() => true, () => false)) throw new Error('does not fail');
    return read();
  }, '1:100 2:100');
  if (!same) console.log('changed or broken');
  process.exit(same ? 0 : 1);
}

main().catch((e) => { console.log('changed or broken:', e); process.exit(1); });
JS
timeout 60 node rollback.js
