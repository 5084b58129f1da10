#!/usr/bin/env bash
# NeDB 4.1.2 (npm, @seald-io/nedb) on Node.js 20, seen 2026-11-30.
#
# A lease is a document with the name of what is leased as its _id, and an index that removes it a second after it was taken. Whoever
# can insert it has the lease. When the second is over nobody can: the insert is refused as a duplicate, however late, and after
# the database is opened again. An expired document is removed when a query comes across it, and an insert asks no query; a find
# of it, which finds nothing, is what lets the next insert in. An update with upsert, which finds before it inserts, is let in. A
# unique index on another field is the same.
#
# Guess that it breaks: the README says that documents are removed automatically when they are older than expireAfterSeconds.
# What find and count say is not there is in no other way there; where it must be looked for to be gone is not said.
#
# Seen (two seconds after a lease of one second was taken; what an insert of the same lease says):
#   insert:                     uniqueViolated
#   opened again, then insert:  uniqueViolated
#   find, then insert:          found 0; inserted
#   count of all, then insert:  counted 0; inserted
#   update with upsert:         upserted
#   unique on another field:    uniqueViolated
#   without the wait:           uniqueViolated
#
# Needs Node.js with npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --ignore-scripts --no-audit --no-fund @seald-io/nedb@4.1.2 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >lease.cjs <<'JS'
const Datastore = require('@seald-io/nedb');

let files = 0;
let same = true;

async function opened(filename, unique) {
  const db = new Datastore({ filename });
  await db.loadDatabaseAsync();
  await db.ensureIndexAsync({ fieldName: 'taken', expireAfterSeconds: 1 });
  if (unique) await db.ensureIndexAsync({ fieldName: 'name', unique: true });
  return db;
}

async function insert(db, lease) {
  try {
    await db.insertAsync({ ...lease, taken: new Date() });
    return 'inserted';
  } catch (e) {
    return e.errorType;
  }
}

async function row(name, want, { ask, unique = false, wait = 2000 }) {
  const filename = `${++files}.db`;
  const db = await opened(filename, unique);
  const lease = unique ? { name: 'printer' } : { _id: 'printer' };
  await insert(db, lease);
  await new Promise((resolve) => setTimeout(resolve, wait));
  const got = await ask(db, lease, filename);
  console.log(`${name}: ${got}`);
  same = same && got === want;
}

async function main() {
  await row('insert', 'uniqueViolated', { ask: insert });
  await row('opened again, then insert', 'uniqueViolated', { ask: async (db, lease, filename) => insert(await opened(filename), lease) });
  await row('find, then insert', 'found 0; inserted',
    { ask: async (db, lease) => `found ${(await db.findAsync(lease)).length}; ${await insert(db, lease)}` });
  await row('count of all, then insert', 'counted 0; inserted',
    { ask: async (db, lease) => `counted ${await db.countAsync({})}; ${await insert(db, lease)}` });
  await row('update with upsert', 'upserted',
    { ask: async (db, lease) => ((await db.updateAsync(lease, { ...lease, taken: new Date() }, { upsert: true })).upsert ? 'upserted' : 'updated') });
  await row('unique on another field', 'uniqueViolated', { ask: insert, unique: true });
  await row('without the wait', 'uniqueViolated', { ask: insert, wait: 0 });
  if (!same) console.log('changed or broken');
  process.exit(same ? 0 : 1);
}
main();
JS
timeout 120 node lease.cjs
