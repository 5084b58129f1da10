#!/usr/bin/env bash
# peewee 4.5.3 (Python), with Django 5.2.19 and SQLAlchemy 2.1.9 beside it, on SQLite, seen 2026-11-30.
#
# A program makes an order and saves it in a transaction, and the transaction is rolled back. The object has kept the id
# that it was given. It is saved again, in the next transaction, as one does that tries again: save() is an UPDATE by that
# id, and says nothing. If nobody has had the id meanwhile, no row is there and nothing is stored (save returns 0). If
# another program has, whose order got the id as the next one that was free, its order is overwritten, and save
# returns 1. With create() in place of save() the first time it is the same, and with a savepoint that is rolled back.
# Django stores the order in the first case and overwrites the other one in the second. SQLAlchemy knows after the rollback
# that the object is not stored: it inserts it, and is refused where another one has its id.
#
# Guess that it breaks: that a rollback takes back what the transaction did, with an object that is as new as before; or
# else that an object with an id that is in no row is refused, or inserted. force_insert=True, which peewee has for objects
# that bring their own id, is what one would have to say here, of a model whose ids the database gives.
#
# Seen (what the second save says; the orders in the table afterwards; "mine" is saved again, "other" was saved between):
#   peewee, nobody between:         0; none
#   peewee, another one between:    1; 1 mine
#   peewee, force_insert, nobody:   1; 1 mine
#   Django, nobody between:         None; 1 mine
#   Django, another one between:    None; 1 mine
#   SQLAlchemy, nobody between:     None; 1 mine
#   SQLAlchemy, another one between: IntegrityError; 1 other
#
# Needs Python 3.10 or later with pip.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m pip install --quiet --target lib --disable-pip-version-check --root-user-action ignore \
  peewee==4.5.3 Django==5.2.19 SQLAlchemy==2.1.9 >pip.log 2>&1 || { cat pip.log; exit 1; }
cat >again.py <<'PY'
import sys

import django
import peewee
import sqlalchemy as sa
from django.conf import settings
from sqlalchemy import orm


class Failed(Exception):
    """What makes a transaction roll back."""


class Peewee:
    def __init__(self):
        self.db = db = peewee.SqliteDatabase(":memory:")

        class Order(peewee.Model):
            text = peewee.CharField()

            class Meta:
                database = db

        self.Order = Order
        db.create_tables([Order])

    def transaction(self):
        return self.db.atomic()

    def new(self, text):
        return self.Order(text=text)

    def save(self, order, **how):
        return order.save(**how)

    def rows(self):
        return [(o.id, o.text) for o in self.Order.select().order_by(self.Order.id)]


class Django:
    Order = None

    def __init__(self):
        from django.db import connection, models, transaction

        if Django.Order is None:

            class Order(models.Model):
                text = models.TextField()

                class Meta:
                    app_label = "shop"

            Django.Order = Order
        else:
            with connection.schema_editor() as editor:
                editor.delete_model(Django.Order)
        with connection.schema_editor() as editor:
            editor.create_model(Django.Order)
        self.transaction = transaction.atomic

    def new(self, text):
        return Django.Order(text=text)

    def save(self, order):
        return order.save()

    def rows(self):
        return [(o.id, o.text) for o in Django.Order.objects.order_by("id")]


class SQLAlchemy:
    def __init__(self):
        class Base(orm.DeclarativeBase):
            pass

        class Order(Base):
            __tablename__ = "orders"
            id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
            text: orm.Mapped[str]

        self.Order = Order
        engine = sa.create_engine("sqlite://")
        Base.metadata.create_all(engine)
        self.session = orm.Session(engine)

    def transaction(self):
        return self.session.begin()

    def new(self, text):
        return self.Order(text=text)

    def save(self, order):
        self.session.add(order)
        return self.session.flush()

    def rows(self):
        with self.session.begin():
            return [(o.id, o.text) for o in self.session.scalars(sa.select(self.Order).order_by(self.Order.id))]


def run(kind, between, **how):
    orders = kind()
    mine = orders.new("mine")
    try:
        with orders.transaction():
            orders.save(mine)
            raise Failed
    except Failed:
        pass
    if orders.rows():
        raise RuntimeError("was not rolled back")
    if between:
        with orders.transaction():
            orders.save(orders.new("other"))
    try:
        with orders.transaction():
            said = orders.save(mine, **how)
    except sa.exc.IntegrityError as e:
        said = type(e).__name__
    return f"{said}; " + (", ".join(f"{id} {text}" for id, text in orders.rows()) or "none")


settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
)
django.setup()
as_seen = True
for name, kind, between, how, want in [
    ("peewee, nobody between", Peewee, False, {}, "0; none"),
    ("peewee, another one between", Peewee, True, {}, "1; 1 mine"),
    ("peewee, force_insert, nobody", Peewee, False, {"force_insert": True}, "1; 1 mine"),
    ("Django, nobody between", Django, False, {}, "None; 1 mine"),
    ("Django, another one between", Django, True, {}, "None; 1 mine"),
    ("SQLAlchemy, nobody between", SQLAlchemy, False, {}, "None; 1 mine"),
    ("SQLAlchemy, another one between", SQLAlchemy, True, {}, "IntegrityError; 1 other"),
]:
    got = run(kind, between, **how)
    print(f"{name}: {got}")
    as_seen = as_seen and got == want
if not as_seen:
    print("changed or broken")
    sys.exit(1)
PY
PYTHONPATH=lib python3 again.py
