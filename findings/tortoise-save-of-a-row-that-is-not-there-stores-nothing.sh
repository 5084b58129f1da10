#!/usr/bin/env bash
# Tortoise ORM 1.1.9 (Python), with Django 5.2.19 and SQLAlchemy 2.1.9 beside it, on SQLite, seen 2026-12-01.
#
# A program makes an order and saves it in a transaction, and the transaction is rolled back. It tries again: it saves the same object in a new transaction, which commits.
# No order is there, and nothing was raised: the object takes itself for stored, save() sends an UPDATE, finds no row, and says so to nobody. So it is with
# an object that was read and that somebody else has deleted: its save() stores nothing and is fulfilled; delete() likewise. Only save(force_update=True)
# raises. Django's save() sends an INSERT if the UPDATE has found no row, and SQLAlchemy takes the object for new again after the rollback and raises StaleDataError for the deleted one.
#
# Guess that it breaks: the docstring says that save() creates or updates the object, and raises IntegrityError if it cannot be created or updated. Either the row is there
# after it, or there is an error. To try a transaction again is what one is told to do after a conflict, and a loop around it keeps the objects that were made before it.
#
# Seen (what the call says; how many rows there are then):
#   Tortoise, save() in a new transaction:       nothing; 1
#   Tortoise, save() again after a rollback:     nothing; 0
#   Tortoise, save() of a deleted row:           nothing; 0
#   Tortoise, delete() of a deleted row:         nothing; 0
#   Tortoise, save(force_update=True) of one:    IntegrityError; 0
#   Django, save() again after a rollback:       nothing; 1
#   Django, save() of a deleted row:             nothing; 1
#   SQLAlchemy, add() again after a rollback:    nothing; 1
#   SQLAlchemy, commit of a change to a deleted row: StaleDataError; 0
#
# Needs Python 3.10 or later with pip.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m pip install --quiet --target lib --disable-pip-version-check --root-user-action ignore \
  tortoise-orm==1.1.9 django==5.2.19 sqlalchemy==2.1.9 >pip.log 2>&1 || { cat pip.log; exit 1; }
mkdir shop && touch shop/__init__.py
cat >shop/models.py <<'PY'
from django.db import models


class Order(models.Model):
    amount = models.IntegerField()
PY
cat >kiosk.py <<'PY'
from tortoise import fields
from tortoise.models import Model


class Order(Model):
    id = fields.IntField(primary_key=True)
    amount = fields.IntField()

    class Meta:
        app = "models"
PY
cat >again.py <<'PY'
import asyncio
import sys

import django
import sqlalchemy as sa
from django.conf import settings
from kiosk import Order
from sqlalchemy import orm
from tortoise import Tortoise
from tortoise.transactions import in_transaction

as_seen = True


class Failed(Exception):
    pass


def line(name, said, rows, want):
    global as_seen
    got = f"{said}; {rows}"
    print(f"{name}: {got}")
    as_seen = as_seen and got == want


async def with_tortoise():
    await Tortoise.init(db_url="sqlite://tortoise.db", modules={"models": ["kiosk"]})
    await Tortoise.generate_schemas()

    async def row(name, prepare, call, want):
        await Order.all().delete()
        order = Order(amount=5)
        await prepare(order)
        said = "nothing"
        try:
            async with in_transaction():
                await call(order)
        except Exception as e:
            said = type(e).__name__
        line(f"Tortoise, {name}", said, await Order.all().count(), want)

    async def nothing(order):
        pass

    async def rolled_back(order):
        try:
            async with in_transaction():
                await order.save()
                raise Failed
        except Failed:
            pass

    async def deleted(order):
        await order.save()
        await Order.all().delete()

    await row("save() in a new transaction", nothing, lambda o: o.save(), "nothing; 1")
    await row("save() again after a rollback", rolled_back, lambda o: o.save(), "nothing; 0")
    await row("save() of a deleted row", deleted, lambda o: o.save(), "nothing; 0")
    await row("delete() of a deleted row", deleted, lambda o: o.delete(), "nothing; 0")
    await row("save(force_update=True) of one", deleted, lambda o: o.save(force_update=True), "IntegrityError; 0")
    await Tortoise.close_connections()


def with_django():
    settings.configure(
        INSTALLED_APPS=["shop"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "django.db"}},
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    )
    django.setup()
    from django.core.management import call_command
    from django.db import transaction
    from shop.models import Order

    call_command("migrate", verbosity=0, run_syncdb=True)

    order = Order(amount=5)
    try:
        with transaction.atomic():
            order.save()
            raise Failed
    except Failed:
        pass
    with transaction.atomic():
        order.save()
    line("Django, save() again after a rollback", "nothing", Order.objects.count(), "nothing; 1")
    Order.objects.all().delete()
    order.save()
    line("Django, save() of a deleted row", "nothing", Order.objects.count(), "nothing; 1")


def with_sqlalchemy():
    Base = orm.declarative_base()

    class Order(Base):
        __tablename__ = "order"
        id = sa.Column(sa.Integer, primary_key=True)
        amount = sa.Column(sa.Integer)

    engine = sa.create_engine("sqlite:///sqlalchemy.db")
    Base.metadata.create_all(engine)

    def count():
        with orm.Session(engine) as session:
            return session.query(Order).count()

    order = Order(amount=5)
    with orm.Session(engine, expire_on_commit=False) as session:
        session.add(order)
        session.flush()
        session.rollback()
        session.add(order)
        session.commit()
        line("SQLAlchemy, add() again after a rollback", "nothing", count(), "nothing; 1")
        order.amount = 6
        with engine.begin() as other:
            other.execute(sa.delete(Order))
        said = "nothing"
        try:
            session.commit()
        except orm.exc.StaleDataError as e:
            said = type(e).__name__
            session.rollback()
    line("SQLAlchemy, commit of a change to a deleted row", said, count(), "StaleDataError; 0")


asyncio.run(with_tortoise())
with_django()
with_sqlalchemy()
if not as_seen:
    print("changed or broken")
    sys.exit(1)
PY
PYTHONPATH=lib:. timeout 120 python3 again.py
