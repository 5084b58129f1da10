#!/usr/bin/env bash
# Firebird 3.0.11 (Debian 12), firebird-driver 2.1.0 (Python), seen 2026-11-28.
#
# Two transactions at the driver's Isolation.SERIALIZABLE (SNAPSHOT TABLE STABILITY, the
# strictest level; the JDBC driver maps SERIALIZABLE to it too). Both begin; the second sums
# table b, writes table a and commits; then the first sums table a, does not see that, and
# writes table b. Both commit: each saw the other's table as it was before the other wrote,
# which no serial order gives. No statement waits and none fails.
# The level locks a whole table, but only at the first use of it, while what is read there is
# the state at the begin. On one table the same two transactions end in a conflict, because
# there both write what the other has written. Naming the tables when the transaction begins
# (a reserving clause) makes the second wait.
# At READ COMMITTED with record versions (the JDBC driver's default) one SELECT that is read
# row by row saw 10 leave one account and arrive in none, or, as here, arrive without having left.
#
# Guess that it breaks: SERIALIZABLE that takes table locks is serializable; a SELECT sees one
# state of the database, as in PostgreSQL, MariaDB and Oracle at READ COMMITTED.
#
# Seen:
#   SERIALIZABLE, two tables: both committed, each had read 0 in the other's table
#   SERIALIZABLE, one table: conflict
#   SERIALIZABLE, two tables, reserved at the begin: conflict
#   one SELECT of accounts that hold 30000 together: READ COMMITTED 30010, SNAPSHOT 30000
#
# Needs an amd64 machine, apt-get (packages are only downloaded), pip and unshare (the engine finds its plugins
# under a fixed path: a mount namespace of its own has them there).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
version=3.0.11.33637.ds4-2+deb12u1
mkdir "$dir/deb" "$dir/tmp" && cd "$dir/deb"
for p in firebird3.0-server-core=$version firebird3.0-common=$version libfbclient2=$version libib-util=$version libtommath1 libicu72; do
  apt-get download "$p" >/dev/null 2>&1 || { echo "cannot be downloaded: $p (run apt-get update)" >&2; exit 1; }
done
for d in *.deb; do dpkg-deb -x "$d" "$dir/root"; done
cd "$dir"
python3 -m pip install --quiet --no-deps --target lib --disable-pip-version-check --root-user-action ignore \
  firebird-driver==2.1.0 firebird-base==2.0.4 protobuf==5.29.6 python-dateutil==2.9.0.post0 six==1.17.0 >pip.log 2>&1 || { cat pip.log; exit 1; }
cat >skew.py <<'PY'
import sys
from firebird.driver import Isolation, TableAccessMode, TableShareMode, connect, create_database, driver_config, tpb
from firebird.driver import TPB, DatabaseError

driver_config.fb_client_library.value = "/usr/lib/x86_64-linux-gnu/libfbclient.so.2"
FILE, USER = sys.argv[1], "SYSDBA"
admin = create_database(FILE, user=USER)
for table in "ab":
    admin.execute_immediate(f"create table {table} (k int primary key, v int)")
admin.commit()


def fill(rows, value):
    for table in "ab":
        admin.execute_immediate(f"delete from {table}")
        cursor = admin.cursor()
        cursor.executemany(f"insert into {table} values (?, {value})", [(k,) for k in range(rows)])
    admin.commit()


def begin(connection, isolation, reserved=()):
    block = TPB(isolation=isolation, lock_timeout=0)
    for table in reserved:
        block.reserve_table(table, TableShareMode.PROTECTED, TableAccessMode.LOCK_WRITE)
    transaction = connection.transaction_manager(block.get_buffer())
    transaction.begin()
    return transaction


def total(transaction, table):
    cursor = transaction.cursor()
    cursor.execute(f"select sum(v) from {table}")
    value = cursor.fetchone()[0]
    cursor.close()
    return value


def pair(read_by_first, read_by_second, reserved=()):
    fill(1, 0)
    one, two = connect(FILE, user=USER), connect(FILE, user=USER)
    try:
        first = begin(one, Isolation.SERIALIZABLE, reserved)
        second = begin(two, Isolation.SERIALIZABLE, reserved)
        saw_second = total(second, read_by_second)
        second.cursor().execute(f"update {read_by_first} set v = v + 1")
        second.commit()
        saw_first = total(first, read_by_first)
        first.cursor().execute(f"update {read_by_second} set v = v + 1")
        first.commit()
        return f"both committed, each had read {saw_first} and {saw_second}".replace("0 and 0", "0 in the other's table")
    except DatabaseError as e:
        if not any(word in str(e) for word in ("deadlock", "lock conflict")):
            raise
        return "conflict"
    finally:
        one.close()
        two.close()


def one_select(isolation):
    fill(3000, 10)
    one, two = connect(FILE, user=USER), connect(FILE, user=USER)
    reader = begin(one, isolation)
    cursor = reader.cursor()
    cursor.execute("select v from a order by k")
    seen = cursor.fetchone()[0]
    writer = begin(two, Isolation.SNAPSHOT)
    writer.cursor().execute("update a set v = v - 10 where k = 0")
    writer.cursor().execute("update a set v = v + 10 where k = 2999")
    writer.commit()
    seen += sum(row[0] for row in cursor)
    cursor.close()
    reader.rollback()
    one.close()
    two.close()
    return seen


seen = [
    "SERIALIZABLE, two tables: " + pair("a", "b"),
    "SERIALIZABLE, one table: " + pair("a", "a"),
    "SERIALIZABLE, two tables, reserved at the begin: " + pair("a", "b", ("A", "B")),
    "one SELECT of accounts that hold 30000 together: "
    f"READ COMMITTED {one_select(Isolation.READ_COMMITTED_RECORD_VERSION)}, SNAPSHOT {one_select(Isolation.SNAPSHOT)}",
]
print("\n".join(seen))
want = [
    "SERIALIZABLE, two tables: both committed, each had read 0 in the other's table",
    "SERIALIZABLE, one table: conflict",
    "SERIALIZABLE, two tables, reserved at the begin: conflict",
    "one SELECT of accounts that hold 30000 together: READ COMMITTED 30010, SNAPSHOT 30000",
]
if seen != want:
    sys.exit("changed or broken")
PY
cat >inside.sh <<'SH'
set -e
for d in usr/lib/x86_64-linux-gnu etc usr/share; do mount -t overlay overlay -o "lowerdir=$1/root/$d:/$d" "/$d"; done
FIREBIRD_LOCK=$1/tmp FIREBIRD_TMP=$1/tmp PYTHONPATH=$1/lib exec python3 "$1/skew.py" "$1/tmp/t.fdb"
SH
space=(unshare --mount)
[ "$(id -u)" -eq 0 ] || space=(unshare --map-root-user --mount)
"${space[@]}" bash inside.sh "$dir"
