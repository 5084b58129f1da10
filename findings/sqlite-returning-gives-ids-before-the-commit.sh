#!/usr/bin/env bash
# SQLite by pysqlite3-binary 0.5.4.post2 (Python's own sqlite3 module, with SQLite 3.51.1) and by apsw
# 3.54.1.0 (SQLite 3.54.1), seen 2026-11-30.
#
# In autocommit, INSERT ... RETURNING gives the id of a new row before the row is committed. The first
# step makes all changes and the commit comes with the step that finds no further row. Who takes one of
# two ids with fetchone() and keeps the cursor has rows that nobody else sees, holds the write lock
# ("database is locked" for all others), and loses both rows when the process ends. in_transaction says
# False, and commit() returns and commits nothing: it takes the connection for one without a transaction.
# With pysqlite3 a single row is committed, since that module steps once ahead; apsw does not, and a
# single id from next() is as uncommitted.
#
# Guess that it breaks: autocommit means that what a statement answers has been committed, an id that the
# database gave out is that of a row that lasts, and commit() commits.
#
# Seen (driver, rows inserted, what was done after the first id; what another process saw, whether it
# could write, and what was left after the process was killed):
#   pysqlite3, 1, nothing:    sees 1, writes,             1 left, in_transaction False
#   pysqlite3, 2, nothing:    sees 0, database is locked, 0 left, in_transaction False
#   pysqlite3, 2, commit():   sees 0, database is locked, 0 left, in_transaction False
#   pysqlite3, 2, fetchall(): sees 2, writes,             2 left, in_transaction False
#   apsw, 1, nothing:         sees 0, database is locked, 0 left, in_transaction False
#   apsw, 1, fetchall():      sees 1, writes,             1 left, in_transaction False
#
# Needs Python 3.9 or later with pip, on Linux with glibc.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m pip install --quiet --target lib --disable-pip-version-check --root-user-action ignore \
  pysqlite3-binary==0.5.4.post2 apsw==3.54.1.0 >pip.log 2>&1 || { cat pip.log; exit 1; }
cat >writer.py <<'PY'
"""Takes the first id of rows inserted, then waits to be killed."""
import sys

driver, path, rows, then = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
insert = "INSERT INTO job(v) VALUES " + ", ".join(["('ours')"] * rows) + " RETURNING id"
if driver == "apsw":
    import apsw

    c = apsw.Connection(path)
    cursor = c.execute(insert)
    first = next(cursor)[0]
else:
    from pysqlite3 import dbapi2

    c = dbapi2.connect(path, isolation_level=None)  # autocommit
    cursor = c.execute(insert)
    first = cursor.fetchone()[0]
if then == "commit()":
    c.commit()
elif then == "fetchall()":
    cursor.fetchall()
print(first, c.in_transaction, flush=True)
sys.stdin.read()
PY
cat >other.py <<'PY'
"""What another process sees, and whether it can write."""
import sys

from pysqlite3 import dbapi2

c = dbapi2.connect(sys.argv[1], isolation_level=None, timeout=0.1)
seen = c.execute("SELECT count(*) FROM job WHERE v = 'ours'").fetchone()[0]
try:
    c.execute("INSERT INTO job(v) VALUES ('theirs')")
    print(f"sees {seen}, writes")
except dbapi2.OperationalError as e:
    print(f"sees {seen}, {e}")
PY
cat >cases.py <<'PY'
import os
import subprocess
import sys

from pysqlite3 import dbapi2

cases = [
    ("pysqlite3", 1, "nothing", "sees 1, writes, 1 left"),
    ("pysqlite3", 2, "nothing", "sees 0, database is locked, 0 left"),
    ("pysqlite3", 2, "commit()", "sees 0, database is locked, 0 left"),
    ("pysqlite3", 2, "fetchall()", "sees 2, writes, 2 left"),
    ("apsw", 1, "nothing", "sees 0, database is locked, 0 left"),
    ("apsw", 1, "fetchall()", "sees 1, writes, 1 left"),
]
as_seen = True
for i, (driver, rows, then, want) in enumerate(cases):
    path = os.path.abspath(f"jobs{i}.db")
    c = dbapi2.connect(path, isolation_level=None)
    c.execute("CREATE TABLE job(id INTEGER PRIMARY KEY, v)")
    c.execute("PRAGMA journal_mode = WAL")
    c.close()
    writer = subprocess.Popen([sys.executable, "writer.py", driver, path, str(rows), then],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        first, in_transaction = writer.stdout.readline().split()
        other = subprocess.run([sys.executable, "other.py", path], capture_output=True, text=True, check=True).stdout.strip()
    finally:
        writer.kill()
        writer.wait()
    c = dbapi2.connect(path)
    left = c.execute("SELECT count(*) FROM job WHERE v = 'ours'").fetchone()[0]
    c.close()
    got = f"{other}, {left} left"
    print(f"{driver}, {rows} inserted, id {first} taken, {then}: {got}, in_transaction {in_transaction}")
    as_seen = as_seen and got == want and first == "1" and in_transaction == "False"
if not as_seen:
    print("changed or broken")
    sys.exit(1)
PY
PYTHONPATH=lib python3 cases.py
