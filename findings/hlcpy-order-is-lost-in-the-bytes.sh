#!/usr/bin/env bash
# hlcpy 0.0.2 (Python, hybrid logical clock), seen 2026-12-01.
#
# A clock gives two timestamps, one after the other, in one millisecond: the first with a logical part of 3, since a message from a faster clock was
# merged just before, the second with 0, since the wall clock has passed that meanwhile. In memory the first is less. Both are sent by to_bytes and read by from_bytes,
# and the second is less: the nanoseconds are rounded up to milliseconds, the logical part is kept as it was, and there is nothing left by
# which the 0 could be known as the later one. An effect comes before its cause. And a timestamp that was read is up to a
# millisecond later than the one that was sent: a clock that merges it is ahead of its sender. Text keeps both.
#
# Guess that it breaks: that bytes keep milliseconds only is said in a comment of from_bytes; one thinks of two timestamps that become equal, which the logical part is
# there to tell apart, and not of two that change places. As long as no message comes from a faster clock the logical part is 0 or small.
#
# Seen (is the first less than the second, in memory; by str; by bytes; is what was read the same as what was sent, by str; by bytes):
#   True; True; False; True; False
#   of 1000 pairs made by merge and sync, changed places: by str none, by bytes some
#
# Needs Python 3 with pip.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m pip install --quiet --target lib --disable-pip-version-check --root-user-action ignore hlcpy==0.0.2 >pip.log 2>&1 || { cat pip.log; exit 1; }
cat >order.py <<'PY'
import sys

from hlcpy import HLC

MILLI = 1_000_000


def by_str(t):
    return HLC.from_str(str(t))


def by_bytes(t):
    return HLC.from_bytes(t.to_bytes())


noon = 1_700_000_000_000 * MILLI
first, second = HLC(noon + 100_000, 3), HLC(noon + 900_000, 0)
got = "; ".join(str(x) for x in (
    first < second, by_str(first) < by_str(second), by_bytes(first) < by_bytes(second),
    by_str(first) == first, by_bytes(first) == first))
print(got)
as_seen = got == "True; True; False; True; False"

# The same by the clock's own calls: it hears of a message from a clock that is 100 us ahead, and then goes on until its own time has passed that.
changed = {"str": 0, "bytes": 0}
for _ in range(1000):
    clock = HLC.from_now()
    clock.merge(HLC(HLC.from_now().nanos + 100_000, 5))
    first = HLC(clock.nanos, clock.logical)
    clock.sync()
    while clock.logical != 0:
        clock.sync()
    second = HLC(clock.nanos, clock.logical)
    assert first < second
    changed["str"] += by_str(second) < by_str(first)
    changed["bytes"] += by_bytes(second) < by_bytes(first)
words = ", ".join(f"by {k} {'some' if n else 'none'}" for k, n in changed.items())
print(f"of 1000 pairs made by merge and sync, changed places: {words}")
if not as_seen or words != "by str none, by bytes some":
    print("changed or broken")
    sys.exit(1)
PY
PYTHONPATH=lib timeout 120 python3 order.py
