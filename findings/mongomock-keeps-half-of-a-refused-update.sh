#!/usr/bin/env bash
# mongomock 4.3.0 (the fake of MongoDB in Python), seen 2026-11-30.
#
# An update of one document is all or nothing in MongoDB: when one of its operators is refused, nothing of it is stored. mongomock changes the
# stored document operator by operator, and when the second is refused the first stays: the state is paid beside a number that could not be
# changed. The error comes, as it should. find_one_and_update does the same. An update that is refused for a unique index is taken back.
#
# Guess that it breaks: a test of what a program does after a refused update reads the document and finds it changed; whoever mends the program
# for it undoes what in production was never done. The manual of MongoDB says that a write to one document is atomic. The README of mongomock
# says that it is no perfect replica, and that, as it is there to validate programs, an error is better than another behaviour.
#
# Seen (the document {state: new, n: text} after the error):
#   $set state, $inc n:                         TypeError; paid text
#   $set state, $mul n:                         ValueError; paid text
#   find_one_and_update, $set state, $inc n:    TypeError; paid text
#   $inc n, $set state:                         TypeError; new text
#   $set state to one that is there, unique:    DuplicateKeyError; new text
#
# Needs Python 3.9 or later with pip.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m pip install --quiet --target lib --disable-pip-version-check --root-user-action ignore \
  mongomock==4.3.0 pymongo==4.10.1 >pip.log 2>&1 || { cat pip.log; exit 1; }
cat >half.py <<'PY'
import sys

import mongomock

as_seen = True
PAID = {"state": "paid"}


def row(name, want, update, unique=False):
    global as_seen
    orders = mongomock.MongoClient().shop.orders
    orders.insert_many([{"_id": 1, "state": "new", "n": "text"}, {"_id": 2, "state": "done", "n": 0}])
    if unique:
        orders.create_index("state", unique=True)
    try:
        update(orders)
        said = "no error"
    except Exception as e:
        said = type(e).__name__
    one = orders.find_one({"_id": 1})
    got = f"{said}; {one['state']} {one['n']}"
    print(f"{name}: {got}")
    as_seen = as_seen and got == want


ONE = {"_id": 1}
row("$set state, $inc n", "TypeError; paid text", lambda c: c.update_one(ONE, {"$set": PAID, "$inc": {"n": 1}}))
row("$set state, $mul n", "ValueError; paid text", lambda c: c.update_one(ONE, {"$set": PAID, "$mul": {"n": 2}}))
row("find_one_and_update, $set state, $inc n", "TypeError; paid text",
    lambda c: c.find_one_and_update(ONE, {"$set": PAID, "$inc": {"n": 1}}))
row("$inc n, $set state", "TypeError; new text", lambda c: c.update_one(ONE, {"$inc": {"n": 1}, "$set": PAID}))
row("$set state to one that is there, unique", "DuplicateKeyError; new text",
    lambda c: c.update_one(ONE, {"$set": {"state": "done"}}), unique=True)
if not as_seen:
    print("changed or broken")
    sys.exit(1)
PY
PYTHONPATH=lib timeout 600 python3 half.py
