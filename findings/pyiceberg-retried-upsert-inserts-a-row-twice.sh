#!/usr/bin/env bash
# PyIceberg 0.12.0 (Apache Iceberg tables in Python), seen 2026-11-29.
#
# Two writers hold the same snapshot of a table whose identifier field is id, and both upsert
# a row with an id that is not there. The first commits. The second finds that the branch has
# moved, and since 0.12.0 retries by itself: both report one inserted row, and the table has
# the id twice. An upsert of a row that exists is validated on the retry and refused, as is an
# overwrite; the part of an upsert that inserts is retried as an append. 0.11.1, without the
# retry, refuses the second upsert.
#
# Guess that it breaks: write.merge.isolation-level is "serializable" unless set otherwise,
# and a retry of an upsert decides again which rows exist. Two loads that overlap double their
# rows only where both are first with an id, so that a table that is updated in tests stays
# right. The next upsert of that id updates both rows, which hides that there are two.
#
# Seen:
#   0.11.1 a new row: inserted 1, then CommitFailedException; table [(1, 0), (7, 1)]
#   0.11.1 an old row: updated 1, then CommitFailedException; table [(1, 1)]
#   0.12.0 a new row: inserted 1, then inserted 1; table [(1, 0), (7, 1), (7, 2)]
#   0.12.0 an old row: updated 1, then ValidationException; table [(1, 1)]
#
# Needs Python 3 with venv.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >probe.py <<'PY'
import os
import shutil
import sys

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.schema import Schema
from pyiceberg.types import LongType, NestedField

shutil.rmtree("w", ignore_errors=True)
os.makedirs("w")
catalog = SqlCatalog("c", uri="sqlite:///w/c.db", warehouse="file://" + os.path.abspath("w"))
catalog.create_namespace("n")
FIELDS = pa.schema([pa.field("id", pa.int64(), nullable=False), pa.field("v", pa.int64())])
SCHEMA = Schema(
    NestedField(1, "id", LongType(), required=True),
    NestedField(2, "v", LongType()),
    identifier_field_ids=[1],
)


def rows(id, v):
    return pa.table({"id": [id], "v": [v]}, schema=FIELDS)


def upsert(table, id, v):
    try:
        done = table.upsert(rows(id, v))
        return f"inserted {done.rows_inserted}" if done.rows_inserted else f"updated {done.rows_updated}"
    except Exception as e:
        return type(e).__name__


for name, id in [("new", 7), ("old", 1)]:
    catalog.create_table("n." + name, SCHEMA).append(rows(1, 0))
    a, b = (catalog.load_table("n." + name) for _ in range(2))
    print(f"{sys.argv[1]} a{'n' if name == 'old' else ''} {name} row: {upsert(a, id, 1)}, then {upsert(b, id, 2)}; table", end=" ")
    print(sorted((r["id"], r["v"]) for r in catalog.load_table("n." + name).scan().to_arrow().to_pylist()))
PY
for version in 0.11.1 0.12.0; do
  python3 -m venv "v$version"
  "v$version/bin/pip" -q install "pyiceberg[sql-sqlite,pyarrow]==$version"
done
out=$(for version in 0.11.1 0.12.0; do "v$version/bin/python" probe.py "$version" 2>/dev/null; done)
echo "$out"
diff <(echo "$out") - <<'SEEN' || { echo "changed: see the first lines of this file"; exit 1; }
0.11.1 a new row: inserted 1, then CommitFailedException; table [(1, 0), (7, 1)]
0.11.1 an old row: updated 1, then CommitFailedException; table [(1, 1)]
0.12.0 a new row: inserted 1, then inserted 1; table [(1, 0), (7, 1), (7, 2)]
0.12.0 an old row: updated 1, then ValidationException; table [(1, 1)]
SEEN
