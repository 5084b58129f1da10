#!/usr/bin/env bash
# DuckDB 2.0.1 (PyPI), seen 2026-11-28.
#
# Two transactions that overlap: one deletes a row, the other inserts a row whose FOREIGN
# KEY refers to it. Both commit, whichever runs and commits first, and the table has a child
# without a parent. After that the constraint is enforced again: the same insert fails. One
# primary key inserted by two transactions is refused, so constraints between transactions
# are looked at in that case.
#
# Guess that it breaks: a foreign key holds in what is committed, at any isolation level
# (PostgreSQL and MySQL lock the parent for it, others check at commit).
#
# Seen (orders of statements and commits; D deletes the parent, I inserts the child):
#   DI DI, DI ID, ID DI, ID ID: both commit, parents [], children [(1, 1)]
#   one after the other:        the insert fails with ConstraintException
#   one primary key twice:      TransactionException at the second commit
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

TEXT = {"D": "DELETE FROM parent WHERE id = 1", "I": "INSERT INTO child VALUES (1, 1)",
        "P": "INSERT INTO parent VALUES (7)", "Q": "INSERT INTO parent VALUES (7)"}

def run(statements, commits, at_once=True):
    db = duckdb.connect()
    db.execute("CREATE TABLE parent (id INT PRIMARY KEY)")
    db.execute("CREATE TABLE child (id INT, parent INT REFERENCES parent (id))")
    db.execute("INSERT INTO parent VALUES (1)")
    side = {s: db.cursor() for s in statements}
    try:
        if at_once:
            for s in statements:
                side[s].execute("BEGIN")
            for s in statements:
                side[s].execute(TEXT[s])
            for s in commits:
                side[s].execute("COMMIT")
        else:
            for s in statements:
                side[s].execute(TEXT[s])
    except duckdb.Error as e:
        return type(e).__name__
    return f"parents {db.execute('FROM parent').fetchall()}, children {db.execute('FROM child').fetchall()}"

failed = False
def show(what, got, want):
    global failed
    print(f"{what}: {got}")
    if got != want:
        print("  changed: expected", want)
        failed = True

for statements in ("DI", "ID"):
    for commits in ("DI", "ID"):
        show(f"{statements} {commits}", run(statements, commits), "parents [], children [(1, 1)]")
show("one after the other", run("DI", "", at_once=False), "ConstraintException")
show("one primary key twice", run("PQ", "PQ"), "TransactionException")
sys.exit(failed)
PY
v/bin/python use.py
