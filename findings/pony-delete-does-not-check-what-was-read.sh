#!/usr/bin/env bash
# Pony ORM 0.7.20 (Python) with SQLite, seen 2026-11-29.
#
# Pony looks by itself whether what a db_session has read of an object is still so when the object is
# written: the UPDATE names the values that were read, and OptimisticCheckError is raised when no row
# has them. A session that has read balance 0 and deletes the account for it deletes it also after
# another one has paid in 100 and committed: the DELETE names the key alone. So does the deletion of
# an object that another session has deleted. What a query gave that asks for the attribute
# (select(a.balance for a in Account)) is not looked at either, and a float never: the second of two
# increments of a float overwrites the first.
#
# Guess that it breaks: the check comes without being asked for, and its error says that the object
# was changed outside of the transaction; whoever has seen it at every write, also of another attribute
# of the object, takes the deletion for one.
#
# Seen (what the session read, what another one did and committed, what the session did then; what is left):
#   balance 0; +100; balance += 1:      OptimisticCheckError, 100
#   balance 0; +100; note = "empty":    OptimisticCheckError, 100
#   balance 0; +100; delete():          committed, no row
#   balance 0; deleted; note = "empty": OptimisticCheckError, no row
#   balance 0; deleted; delete():       committed, no row
#   balance 0 by select(a.balance ...); +100; note = "empty": committed, 100
#   rate 1.0; rate += 9; rate += 1:     committed, rate 2.0
#
# Needs Python 3 with pip.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m pip install --quiet --target lib --disable-pip-version-check --root-user-action ignore pony==0.7.20 >pip.log 2>&1 || { cat pip.log; exit 1; }
cat >stale.py <<'PY'
import sys
import threading

from pony.orm import Database, Optional, PrimaryKey, Required, db_session, select

db = Database()


class Account(db.Entity):
    id = PrimaryKey(int)
    balance = Required(int, default=0)
    note = Optional(str)
    rate = Required(float, default=1.0)


db.bind("sqlite", sys.argv[1], create_db=True)
db.generate_mapping(create_tables=True)


def elsewhere(what):
    """Has another thread do it, in a session of its own, and waits for its commit."""
    failed = []

    def run():
        try:
            with db_session:
                what(Account[1])
        except Exception as e:
            failed.append(e)

    t = threading.Thread(target=run)
    t.start()
    t.join()
    if failed:
        raise RuntimeError("the other session failed") from failed[0]


def balance():
    return Account[1].balance


def asked():
    return select(a.balance for a in Account if a.id == 1).first()


def rate():
    return Account[1].rate


def pay_in(a):
    a.balance += 100


def raise_rate(a):
    a.rate += 9


def write(v):
    Account[1].balance = v + 1


def note(_):
    Account[1].note = "empty"


def write_rate(v):
    Account[1].rate = v + 1


def gone(a):
    a.delete()


def delete(_):
    Account[1].delete()


refused = "OptimisticCheckError"
cases = [
    ('balance 0; +100; balance += 1', balance, pay_in, write, f"{refused}, 100"),
    ('balance 0; +100; note = "empty"', balance, pay_in, note, f"{refused}, 100"),
    ('balance 0; +100; delete()', balance, pay_in, delete, "committed, no row"),
    ('balance 0; deleted; note = "empty"', balance, gone, note, f"{refused}, no row"),
    ('balance 0; deleted; delete()', balance, gone, delete, "committed, no row"),
    ('balance 0 by select(a.balance ...); +100; note = "empty"', asked, pay_in, note, "committed, 100"),
    ('rate 1.0; rate += 9; rate += 1', rate, raise_rate, write_rate, "committed, rate 2.0"),
]
as_seen = True
for name, read, theirs, ours, want in cases:
    with db_session:
        Account.select().delete(bulk=True)
        Account(id=1)
    try:
        with db_session:
            value = read()
            # Loaded now, as it would be by whoever goes on with it; a later load would show the new value.
            Account[1]
            elsewhere(theirs)
            ours(value)
        said = "committed"
    except Exception as e:
        said = type(e).__name__
        if said == "RuntimeError":
            raise
    with db_session:
        a = Account.get(id=1)
        left = "no row" if a is None else f"rate {a.rate}" if read is rate else str(a.balance)
    got = f"{said}, {left}"
    print(f"{name}: {got}")
    as_seen = as_seen and got == want
if not as_seen:
    print("changed or broken")
    sys.exit(1)
PY
PYTHONPATH=lib python3 stale.py "$dir/accounts.sqlite"
