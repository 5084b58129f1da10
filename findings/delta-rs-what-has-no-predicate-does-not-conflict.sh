#!/usr/bin/env bash
# delta-rs (deltalake 1.6.6 from PyPI, Delta Lake tables without Spark), seen 2026-11-29.
#
# A table has delta.isolationLevel=Serializable. Two writers hold its version and write one
# after the other. A delete, an update, a merge or an overwrite with a predicate notices rows
# that were added meanwhile and fails, also on an empty range. What concerns the whole table
# does not: two overwrites of an empty table both commit, and the table has the rows of both;
# an overwrite and a delete of everything commit behind an append, as versions 2 after version
# 1, and leave the appended row.
#
# Guess that it breaks: the widest operation conflicts with everything. There is no serial
# order of two overwrites after which both contents are there; and Serializable means that the
# table is what its log says in its order. Two jobs that rebuild a table which one of them has just
# created (or emptied) double every row, and neither fails. An overwrite of a table with rows is
# safe only because both remove the same files (the case of issue 3622, mended in 2025).
#
# Seen:
#   overwrite where id=7 twice, none there: committed, then refused [7]
#   overwrite twice, one row there: committed, then refused [1]
#   overwrite twice, empty: committed, then committed [1, 2]
#   append, then an overwrite that has not seen it: committed, then committed [1, 2]; log WRITE WRITE WRITE
#   append, then a delete where id>=0: committed, then refused [0, 1]; log WRITE WRITE
#   append, then a delete of everything: committed, then committed [1]; log WRITE WRITE DELETE
#
# Needs Python 3 with venv.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv v
v/bin/pip -q install deltalake==1.6.6 pyarrow==26.0.1
cat >probe.py <<'PY'
import shutil
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError

SCHEMA = pa.schema([("id", pa.int64())])


def rows(*ids):
    return pa.table({"id": list(ids)}, schema=SCHEMA)


def pair(*start):
    shutil.rmtree("t", ignore_errors=True)
    level = {"delta.isolationLevel": "Serializable"}
    if start:
        write_deltalake("t", rows(*start), configuration=level)
    else:
        DeltaTable.create("t", schema=SCHEMA, configuration=level)
    return DeltaTable("t"), DeltaTable("t")


def outcome(do):
    try:
        do()
        return "committed"
    except CommitFailedError:
        return "refused"


def show(what, first, second, log=False):
    said = f"{what}: {outcome(first)}, then {outcome(second)} {sorted(r['id'] for r in DeltaTable('t').to_pyarrow_table().to_pylist())}"
    if log:
        said += "; log " + " ".join(h["operation"] for h in reversed(DeltaTable("t").history()))
    print(said)


def overwrite(t, n, **how):
    return lambda: write_deltalake(t, rows(n), mode="overwrite", **how)


a, b = pair(0)
a.delete()
a, b = DeltaTable("t"), DeltaTable("t")
show("overwrite where id=7 twice, none there", overwrite(a, 7, predicate="id = 7"), overwrite(b, 7, predicate="id = 7"))
a, b = pair(0)
show("overwrite twice, one row there", overwrite(a, 1), overwrite(b, 2))
a, b = pair()
show("overwrite twice, empty", overwrite(a, 1), overwrite(b, 2))
a, b = pair(0)
show("append, then an overwrite that has not seen it", lambda: write_deltalake(a, rows(1), mode="append"), overwrite(b, 2), log=True)
a, b = pair(0)
show("append, then a delete where id>=0", lambda: write_deltalake(a, rows(1), mode="append"), lambda: b.delete("id >= 0"), log=True)
a, b = pair(0)
show("append, then a delete of everything", lambda: write_deltalake(a, rows(1), mode="append"), lambda: b.delete(), log=True)
PY
out=$(v/bin/python probe.py)
echo "$out"
diff <(echo "$out") - <<'SEEN' || { echo "changed: see the first lines of this file"; exit 1; }
overwrite where id=7 twice, none there: committed, then refused [7]
overwrite twice, one row there: committed, then refused [1]
overwrite twice, empty: committed, then committed [1, 2]
append, then an overwrite that has not seen it: committed, then committed [1, 2]; log WRITE WRITE WRITE
append, then a delete where id>=0: committed, then refused [0, 1]; log WRITE WRITE
append, then a delete of everything: committed, then committed [1]; log WRITE WRITE DELETE
SEEN
