#!/usr/bin/env bash
# limits 5.8.0 (Python, the library under Flask-Limiter and slowapi), seen 2026-11-30.
#
# Of ten an hour eight are used. A hit with cost=5 does not fit and is refused: False. With the fixed window, the strategy those two use by default, the five are counted all the same: two were left, none is
# left now, and a hit of one is refused too, for the rest of the hour. A cost of 100, that can never be had, closes the window
# before anything was let through. With the moving window and the sliding window counter a refused hit takes nothing, and the
# one that fits is let through.
#
# Guess that it breaks: a hit is said to consume the limit and to tell whether it did; the strategies are described by how their
# windows lie, and no page says that they treat a refusal differently. With a cost of 1 no difference can be seen: what is refused then finds nothing left anyway. test() before hit() helps, if nobody else
# comes between.
#
# Seen (ten an hour; hit 8, hit 5, what is left, hit 1; and on a new one hit 100, hit 1):
#   FixedWindowRateLimiter:          True False 0 False; False False
#   SlidingWindowCounterRateLimiter: True False 2 True; False True
#   MovingWindowRateLimiter:         True False 2 True; False True
#
# Needs Python 3.10 or later with pip.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m pip install --quiet --target lib --disable-pip-version-check --root-user-action ignore \
  limits==5.8.0 >pip.log 2>&1 || { cat pip.log; exit 1; }
cat >hits.py <<'PY'
import sys

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter, SlidingWindowCounterRateLimiter

TEN = parse("10/hour")
WANT = {
    FixedWindowRateLimiter: "True False 0 False; False False",
    SlidingWindowCounterRateLimiter: "True False 2 True; False True",
    MovingWindowRateLimiter: "True False 2 True; False True",
}
as_seen = True
for strategy, want in WANT.items():
    limiter = strategy(MemoryStorage())
    said = [limiter.hit(TEN, "api", cost=8), limiter.hit(TEN, "api", cost=5),
            limiter.get_window_stats(TEN, "api").remaining, limiter.hit(TEN, "api")]
    fresh = strategy(MemoryStorage())
    never = [fresh.hit(TEN, "api", cost=100), fresh.hit(TEN, "api")]
    got = f"{' '.join(map(str, said))}; {' '.join(map(str, never))}"
    print(f"{strategy.__name__}: {got}")
    as_seen = as_seen and got == want
if not as_seen:
    print("changed or broken")
    sys.exit(1)
PY
PYTHONPATH=lib timeout 600 python3 hits.py
