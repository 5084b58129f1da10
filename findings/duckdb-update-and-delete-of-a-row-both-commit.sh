#!/usr/bin/env bash
# DuckDB 2.0.1 (PyPI), seen 2026-11-28.
#
# Two transactions that overlap: one deletes a row, the other updates it. Both are told that
# one row was changed, both commit, in each of the four orders of statements and commits,
# with and without a primary key. The row is gone. Two updates of one row, or two deletes,
# are refused with a conflict, as snapshot isolation asks.
#
# Guess that it breaks: first committer wins (DuckDB's transactions are described as
# snapshot isolation with conflicts on the same row), so that an acknowledged update is in
# the table or its transaction failed. Below, DELETE ... WHERE b = 0 and UPDATE ... SET b = 5
# both report one row: in no order of the two is the table empty after both.
#
# Seen (rows that each was told, what is in the table):
#   update and delete, 4 orders, 2 tables: 1 and 1, both commit, the table is empty
#   update and update:                     conflict
#   delete and delete:                     conflict
#
# Needs Python 3.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv v
v/bin/pip -q install duckdb==2.0.1 >pip.log 2>&1 || { cat pip.log; exit 1; }
cat >use.py <<'PY'
import duckdb, sys

UPDATE, DELETE = "UPDATE n SET b = 5 WHERE a = 1", "DELETE FROM n WHERE b = 0"

def run(column, first, second, statements, commits):
    db = duckdb.connect()
    db.execute(f"CREATE TABLE n ({column}, b INT)")
    db.execute("INSERT INTO n VALUES (1, 0)")
    sides = {"1": (db.cursor(), first), "2": (db.cursor(), second)}
    for cursor, _ in sides.values():
        cursor.execute("BEGIN")
    told = []
    try:
        for s in statements:
            cursor, text = sides[s]
            told.append(cursor.execute(text).fetchone()[0])
        for s in commits:
            sides[s][0].execute("COMMIT")
    except duckdb.TransactionException:
        return "conflict"
    return f"told {told}, both commit, table {db.execute('FROM n').fetchall()}"

failed = False
def show(what, got, want):
    global failed
    print(f"{what}: {got}")
    if got != want:
        print("  changed: expected", want)
        failed = True

for column in ("a INT", "a INT PRIMARY KEY"):
    for statements in ("12", "21"):
        for commits in ("12", "21"):
            show(f"{column}: update (1), delete (2), statements {statements}, commits {commits}",
                 run(column, UPDATE, DELETE, statements, commits), "told [1, 1], both commit, table []")
show("update, update", run("a INT", UPDATE, UPDATE, "12", "12"), "conflict")
show("delete, delete", run("a INT", DELETE, DELETE, "12", "12"), "conflict")
sys.exit(failed)
PY
v/bin/python use.py
