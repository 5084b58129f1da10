#!/usr/bin/env bash
# ZODB 6.0.1 with BTrees 6.5 (Python) on its FileStorage, seen 2026-11-30.
#
# Connection.readCurrent(object) is there against write skew: a transaction that has only read an object
# is to conflict when another one has changed it meanwhile. Called on an object that was not loaded yet,
# it does nothing and says nothing: a ghost has no revision yet that could be compared, and it is not
# looked at again once it is loaded. The call guards if it comes after the first access, and not if it
# comes before. For a BTree it guards neither way once the tree has grown: a tree of 5 keys is one
# object, and of 200 keys it is several, of which the one with the key is not the one that was named.
#
# Guess that it breaks: what is declared before the read holds of the read, as a lock would; a tree that
# conflicts in a test with five keys does so with all of them.
#
# Seen (one transaction sets x[0] to 1 and commits; the other has read x[0] + x[1] and writes the sum
# elsewhere; how that one's commit ends):
#   PersistentMapping of 5 keys, readCurrent(x) before the read: committed
#   PersistentMapping of 5 keys, readCurrent(x) after the read:  ReadConflictError
#   IOBTree of 5 keys, before:   committed
#   IOBTree of 5 keys, after:    ReadConflictError
#   IOBTree of 200 keys, before: committed
#   IOBTree of 200 keys, after:  committed
#
# Needs Python 3.10 or later with pip.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m pip install --quiet --target lib --disable-pip-version-check --root-user-action ignore \
  ZODB==6.0.1 BTrees==6.5 >pip.log 2>&1 || { cat pip.log; exit 1; }
cat >skew.py <<'PY'
import sys

import transaction
import ZODB
import ZODB.FileStorage
from BTrees.IOBTree import IOBTree
from persistent.mapping import PersistentMapping

db = ZODB.DB(ZODB.FileStorage.FileStorage("data.fs"))


def run(kind, keys, when):
    setup = transaction.TransactionManager()
    c = db.open(setup)
    c.root()["x"] = kind({i: 0 for i in range(keys)})
    c.root()["sums"] = PersistentMapping()
    setup.commit()
    c.cacheMinimize()
    c.close()

    writer, reader = transaction.TransactionManager(), transaction.TransactionManager()
    cw, cr = db.open(writer), db.open(reader)
    cw.cacheMinimize()  # as after a restart: nothing is loaded
    cr.cacheMinimize()
    cw.root()["x"][0] = 1
    x = cr.root()["x"]
    if when == "before":
        cr.readCurrent(x)
    total = x[0] + x[1]
    if when == "after":
        cr.readCurrent(x)
    cr.root()["sums"]["seen"] = total
    writer.commit()
    try:
        reader.commit()
        return "committed"
    except Exception as e:
        reader.abort()
        return type(e).__name__
    finally:
        cw.close()
        cr.close()


as_seen = True
for kind, keys, when, want in [
    (PersistentMapping, 5, "before", "committed"),
    (PersistentMapping, 5, "after", "ReadConflictError"),
    (IOBTree, 5, "before", "committed"),
    (IOBTree, 5, "after", "ReadConflictError"),
    (IOBTree, 200, "before", "committed"),
    (IOBTree, 200, "after", "committed"),
]:
    got = run(kind, keys, when)
    print(f"{kind.__name__} of {keys} keys, readCurrent(x) {when} the read: {got}")
    as_seen = as_seen and got == want
db.close()
if not as_seen:
    print("changed or broken")
    sys.exit(1)
PY
PYTHONPATH=lib python3 skew.py
