#!/usr/bin/env bash
# tooz 9.1.0 (OpenStack's Python library of coordination), its driver for files, seen 2026-11-30.
#
# A process tries to get a lock while another process has it, is told False, and tries again with the same object when it is
# free: True. It lets it go, release() says True, and the lock is free, but the object says acquired and is_still_owner, also while
# another process has it. Who believes it and releases once more is told True; from then on whatever it acquires it never lets go:
# release() says True, acquired is False, and nobody else gets the lock. An attempt that is refused
# is counted as one that got it. With a new object for each attempt, or where none was refused, all is as it should be.
#
# Guess that it breaks: acquire(blocking=False) until it is True is how one waits for one's turn, and an attempt that failed
# leaves nothing behind. The driver says of itself that it works across processes, and acquired says whether one has it.
#
# Seen (what the object says after acquire and release, whether another process gets it then, and what the object says beside that):
#   never refused:                         acquired False; another True; beside it acquired False, owner False
#   refused once:                          acquired True; another True; beside it acquired True, owner True
#   refused once, a new object then:       acquired False; another True; beside it acquired False, owner False
#   refused once, released once too often: True; after one more acquire and release acquired False; another False
#
# Needs Python 3.11 or later with pip.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m pip install --quiet --target lib --disable-pip-version-check --root-user-action ignore \
  tooz==9.1.0 >pip.log 2>&1 || { cat pip.log; exit 1; }
cat >other.py <<'PY'
"""The other process: tries to get the lock, says whether it has it, and has it until its input ends."""
import sys

from tooz import coordination

coordinator = coordination.get_coordinator("file://" + sys.argv[1], b"other")
coordinator.start()
lock = coordinator.get_lock(b"turn")
print(lock.acquire(blocking=False), flush=True)
sys.stdin.read()
PY
cat >turn.py <<'PY'
import contextlib
import subprocess
import sys
import tempfile

from tooz import coordination


@contextlib.contextmanager
def another(folder):
    """Whether another process gets the lock; it ends with the block."""
    child = subprocess.Popen([sys.executable, "other.py", folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield child.stdout.readline().strip()
    finally:
        child.communicate(timeout=60)


as_seen = True


def row(name, refused, anew, once_more, want):
    global as_seen
    with tempfile.TemporaryDirectory() as folder:
        coordinator = coordination.get_coordinator("file://" + folder, b"mine")
        coordinator.start()
        lock = coordinator.get_lock(b"turn")
        if refused:
            with another(folder) as has:
                assert has == "True" and lock.acquire(blocking=False) is False
        if anew:
            lock = coordinator.get_lock(b"turn")
        assert lock.acquire(blocking=False) is True and lock.acquired and lock.release() is True
        if once_more:
            got = f"{lock.release()}; after one more acquire and release acquired "
            assert lock.acquire(blocking=False) is True and lock.release() is True
            got += str(lock.acquired)
        else:
            got = f"acquired {lock.acquired}"
        with another(folder) as has:
            got += f"; another {has}"
            if not once_more:
                got += f"; beside it acquired {lock.acquired}, owner {lock.is_still_owner()}"
        coordinator.stop()
    print(f"{name}: {got}")
    as_seen = as_seen and got == want


row("never refused", False, False, False, "acquired False; another True; beside it acquired False, owner False")
row("refused once", True, False, False, "acquired True; another True; beside it acquired True, owner True")
row("refused once, a new object then", True, True, False, "acquired False; another True; beside it acquired False, owner False")
row("refused once, released once too often", True, False, True, "True; after one more acquire and release acquired False; another False")
if not as_seen:
    print("changed or broken")
    sys.exit(1)
PY
PYTHONPATH=lib timeout 240 python3 turn.py 2>turn.log || { tail turn.log; exit 1; }
