#!/usr/bin/env bash
# ZODB 6.0.1 with BTrees 6.5 (Python) on its FileStorage, seen 2026-11-30.
#
# The classes of BTrees resolve conflicts by merging, without being asked to. Two transactions that see a
# BTrees.Length of 3 and both set(10) commit, and the length is 17: what each set is taken for a change by
# 7. Both setting 0, as one does with a counter to begin anew, makes it -3. A BTree merges changes of
# different keys of one and the same persistent object: two transactions that each found x[0] + x[1] to
# be 0, and set one of the two, both commit, where a PersistentMapping in its place raises ConflictError.
# With MappingStorage in place of FileStorage, as one has it in tests, nothing is merged and all of these
# conflict.
#
# Guess that it breaks: what two transactions both set to 10 is 10; and who writes to the object that the
# other read and wrote conflicts, since ZODB's unit of conflict is the object.
#
# Seen (how the two commits end; the value afterwards):
#   FileStorage, Length 3, set(10) and set(10):             committed, committed: 17
#   FileStorage, Length 3, set(0) and set(0):               committed, committed: -3
#   FileStorage, IOBTree, one of x[0], x[1] by each:           committed, committed: [1, 1]
#   FileStorage, PersistentMapping, one of x[0], x[1] by each: committed, ConflictError: [1, 0]
#   MappingStorage, Length 3, set(10) and set(10):          committed, ConflictError: 10
#   MappingStorage, IOBTree, one of x[0], x[1] by each:        committed, ConflictError: [1, 0]
#
# Needs Python 3.10 or later with pip.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m pip install --quiet --target lib --disable-pip-version-check --root-user-action ignore \
  ZODB==6.0.1 BTrees==6.5 >pip.log 2>&1 || { cat pip.log; exit 1; }
cat >merge.py <<'PY'
import sys

import transaction
import ZODB
from BTrees.IOBTree import IOBTree
from BTrees.Length import Length
from persistent.mapping import PersistentMapping
from ZODB.FileStorage import FileStorage
from ZODB.MappingStorage import MappingStorage


def run(db, first, acts, value):
    setup = transaction.TransactionManager()
    c = db.open(setup)
    c.root()["x"] = first
    setup.commit()
    c.close()
    ts = [transaction.TransactionManager() for _ in acts]
    cs = [db.open(t) for t in ts]
    for c, act in zip(cs, acts):
        act(c.root()["x"])
    ends = []
    for t in ts:
        try:
            t.commit()
            ends.append("committed")
        except Exception as e:
            t.abort()
            ends.append(type(e).__name__)
    for c in cs:
        c.close()
    c = db.open(transaction.TransactionManager())
    got = value(c.root()["x"])
    c.close()
    return f"{', '.join(ends)}: {got}"


def to(n):
    return lambda x: x.set(n)


def one(key):
    def act(x):
        if x[0] + x[1] == 0:
            x[key] = 1

    return act


def both(x):
    return [x[0], x[1]]


def length(x):
    return x()


def merged(n):
    return f"committed, committed: {n}"


def refused(n):
    return f"committed, ConflictError: {n}"


as_seen = True
for storage, make in [("FileStorage", lambda: FileStorage("data.fs")), ("MappingStorage", MappingStorage)]:
    db = ZODB.DB(make())
    file = storage == "FileStorage"
    zeros = {0: 0, 1: 0}
    for name, first, acts, value, want in [
        ("Length 3, set(10) and set(10)", Length(3), [to(10), to(10)], length, merged(17) if file else refused(10)),
        ("Length 3, set(0) and set(0)", Length(3), [to(0), to(0)], length, merged(-3) if file else refused(0)),
        ("IOBTree, one of x[0], x[1] by each", IOBTree(zeros), [one(0), one(1)], both, merged([1, 1]) if file else refused([1, 0])),
        ("PersistentMapping, one of x[0], x[1] by each", PersistentMapping(zeros), [one(0), one(1)], both, refused([1, 0])),
    ]:
        got = run(db, first, acts, value)
        print(f"{storage}, {name}: {got}")
        as_seen = as_seen and got == want
    db.close()
if not as_seen:
    print("changed or broken")
    sys.exit(1)
PY
PYTHONPATH=lib python3 merge.py
