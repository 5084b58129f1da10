#!/usr/bin/env bash
# Lance (pylance) 14.0.2 (Python), seen 2026-11-30.
#
# Two writers open one version of a dataset and call merge_insert on the column id with the same new id,
# to insert it if it is not there, or to update or insert it. Both succeed, both say 1 inserted, and the
# dataset has two rows of that id; the next upsert then updates both. When the id was there, the second
# writer's merge_insert is done again on what the first one has left: of two conditional updates one says
# 0, two increments by update() add up. It is so for new ids too once the column's field has the metadata
# lance-schema:unenforced-primary-key: the second writer then updates.
#
# Guess that it breaks: conflict_retries of merge_insert says that the operation is tried again "if there
# is contention", ten times by default, and for rows that were there it is. Whoever has seen a conditional
# update go right takes "insert if not there" for as safe.
#
# Seen (two writers that opened one version; what each says, inserted and updated; the rows afterwards):
#   insert 2 if not there:      1, 0 and 1, 0: (1, 0), (2, 10), (2, 20)
#   update or insert 2:         1, 0 and 1, 0: (1, 0), (2, 10), (2, 20)
#   the same, then 2 once more: 0, 2 by the third: (1, 0), (2, 30), (2, 30)
#   one after the other:        1, 0 and 0, 1: (1, 0), (2, 20)
#   update or insert 1, there:  0, 1 and 0, 1: (1, 20)
#   update 1 where n = 0:       0, 1 and 0, 0: (1, 10)
#   update or insert 2, with that metadata: 1, 0 and 0, 1: (1, 0), (2, 20)
#
# Needs Python 3.10 or later with venv.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv v
v/bin/pip -q install pylance==14.0.2 pyarrow==26.0.1 >pip.log 2>&1 || { cat pip.log; exit 1; }
cat >upserts.py <<'PY'
import shutil
import sys

import lance
import pyarrow as pa

PLACE = "stock.lance"


def table(*rows, key=False):
    metadata = {"lance-schema:unenforced-primary-key": "true"} if key else {}
    schema = pa.schema([pa.field("id", pa.int64(), nullable=False, metadata=metadata), pa.field("n", pa.int64())])
    return pa.table({"id": [i for i, _ in rows], "n": [n for _, n in rows]}, schema=schema)


def fill(key):
    shutil.rmtree(PLACE, ignore_errors=True)
    lance.write_dataset(table((1, 0), key=key), PLACE)


def insert(dataset, row):
    return dataset.merge_insert("id").when_not_matched_insert_all().execute(table(row))


def upsert(dataset, row):
    return dataset.merge_insert("id").when_matched_update_all().when_not_matched_insert_all().execute(table(row))


def swap(dataset, row):
    return dataset.merge_insert("id").when_matched_update_all("target.n = 0").execute(table(row))


def counts(done):
    return f"{done['num_inserted_rows']}, {done['num_updated_rows']}"


def rows():
    return ", ".join(sorted(f"({r['id']}, {r['n']})" for r in lance.dataset(PLACE).to_table().to_pylist()))


def both(how, first, second, stale=True, key=False):
    fill(key)
    one, two = lance.dataset(PLACE), lance.dataset(PLACE)
    a = counts(how(one, first))
    if not stale:
        two = lance.dataset(PLACE)
    return f"{a} and {counts(how(two, second))}: {rows()}"


def third():
    both(upsert, (2, 10), (2, 20))
    return f"{counts(upsert(lance.dataset(PLACE), (2, 30)))} by the third: {rows()}"


cases = [
    ("insert 2 if not there", both(insert, (2, 10), (2, 20)), "1, 0 and 1, 0: (1, 0), (2, 10), (2, 20)"),
    ("update or insert 2", both(upsert, (2, 10), (2, 20)), "1, 0 and 1, 0: (1, 0), (2, 10), (2, 20)"),
    ("the same, then 2 once more", third(), "0, 2 by the third: (1, 0), (2, 30), (2, 30)"),
    ("one after the other", both(upsert, (2, 10), (2, 20), stale=False), "1, 0 and 0, 1: (1, 0), (2, 20)"),
    ("update or insert 1, there", both(upsert, (1, 10), (1, 20)), "0, 1 and 0, 1: (1, 20)"),
    ("update 1 where n = 0", both(swap, (1, 10), (1, 20)), "0, 1 and 0, 0: (1, 10)"),
    ("update or insert 2, with that metadata", both(upsert, (2, 10), (2, 20), key=True), "1, 0 and 0, 1: (1, 0), (2, 20)"),
]
as_seen = True
for name, got, want in cases:
    print(f"{name}: {got}")
    as_seen = as_seen and got == want
if not as_seen:
    print("changed or broken")
    sys.exit(1)
PY
v/bin/python upserts.py
