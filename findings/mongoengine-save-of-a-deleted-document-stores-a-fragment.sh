#!/usr/bin/env bash
# MongoEngine 0.29.3 (Python) with mongomock 4.3.0 as its MongoDB, seen 2026-11-30.
#
# A program has read an account, of which owner and balance are required. Another one deletes it. The first changes the
# balance and saves: save() says nothing, and there is an account again, of which only the id and the balance are stored. What was
# not changed is nowhere. It is counted, found by its balance, and its owner is None; and whoever then reads and saves it is refused by
# the validation that the first has passed. A save that only takes a field away stores a document of nothing but its id.
# save() sends what was changed as an update with upsert. With save_condition it is refused, update() says 0, and modify() False.
#
# Guess that it breaks: the manual says of save() that a document is updated if it is there and created otherwise, and that it
# is validated first. One expects to have either the document or an error; a document without what is required, which
# was validated, nobody expects.
#
# Seen (what the call says, and what is stored):
#   there, save:                               no error; balance 90, owner ann
#   deleted, save of the balance:              no error; balance 90
#   the same, read and saved with owner None:  ValidationError; balance 90
#   deleted, save that takes the note away:    no error; nothing but the id
#   deleted, save of nothing changed:          no error; no document
#   deleted, save with save_condition:         SaveConditionError; no document
#   deleted, update:                           0; no document
#   deleted, modify:                           False; no document
#
# Needs Python 3.9 or later with pip.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m pip install --quiet --target lib --disable-pip-version-check --root-user-action ignore \
  mongoengine==0.29.3 mongomock==4.3.0 pymongo==4.20.0 >pip.log 2>&1 || { cat pip.log; exit 1; }
cat >fragment.py <<'PY'
import sys

import mongomock
from mongoengine import Document, IntField, StringField, connect

connect("bank", host="mongodb://localhost", mongo_client_class=mongomock.MongoClient)


class Account(Document):
    owner = StringField(required=True)
    balance = IntField(required=True)
    note = StringField()


def stored():
    found = list(Account._get_collection().find({}, {"note": 0}))
    if not found:
        return "no document"
    (document,) = found
    document.pop("_id")
    return ", ".join(f"{k} {document[k]}" for k in sorted(document)) or "nothing but the id"


def pay(account, **how):
    account.balance = 90
    account.save(**how)
    return "no error"


def forget(account):
    account.note = None
    account.save()
    return "no error"


def again(account):
    pay(account)
    read = Account.objects(balance=90).get()
    assert read.owner is None and Account.objects.count() == 1
    read.balance = 80
    read.save()


def unchanged(account):
    account.save()
    return "no error"


as_seen = True


def row(name, deleted, call, want):
    global as_seen
    Account.drop_collection()
    key = Account(owner="ann", balance=100, note="x").save().pk
    account = Account.objects.get(pk=key)
    if deleted:
        Account.objects.get(pk=key).delete()
    try:
        said = str(call(account))
    except Exception as e:
        said = type(e).__name__
    got = f"{said}; {stored()}"
    print(f"{name}: {got}")
    as_seen = as_seen and got == want


row("there, save", False, pay, "no error; balance 90, owner ann")
row("deleted, save of the balance", True, pay, "no error; balance 90")
row("the same, read and saved with owner None", True, again, "ValidationError; balance 90")
row("deleted, save that takes the note away", True, forget, "no error; nothing but the id")
row("deleted, save of nothing changed", True, unchanged, "no error; no document")
row("deleted, save with save_condition", True, lambda a: pay(a, save_condition={"owner": "ann"}), "SaveConditionError; no document")
row("deleted, update", True, lambda a: a.update(balance=90), "0; no document")
row("deleted, modify", True, lambda a: a.modify(balance=90), "False; no document")
if not as_seen:
    print("changed or broken")
    sys.exit(1)
PY
PYTHONPATH=lib timeout 120 python3 fragment.py
