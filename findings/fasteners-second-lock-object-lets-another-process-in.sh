#!/usr/bin/env bash
# fasteners 0.20 (Python), InterProcessLock, on Linux, seen 2026-11-29.
#
# A process holds the lock of a file and another process is refused. A second lock object for the same
# file in the holder's process (another thread, another library that guards the same directory) gets the
# lock too, and when it gives it back the other process gets it, while the first object still says
# that it holds it: two processes are in. It is enough that the holder opens the file and closes it, to
# look what is in it. With filelock's FileLock the second object is refused and so is the other process.
#
# Guess that it breaks: the README has "reentrant: no" for InterProcessLock, so a second acquisition is
# refused or waits; and a lock is held until its holder gives it back or ends. The README names
# fcntl as what is used, and that is how its record locks are: one owner for the whole process, and
# the first close of the file by that process ends them. The library adds nothing against it.
#
# Seen (acquired: the second object in the process; then another process, before and after the second
# object gave back what it had; then another process after the holder of a new lock opened and closed the file):
#   fasteners: second object True; other process False, then True; held True; file read: other process True
#   filelock: second object False; other process False, then False; held True; file read: other process False
#
# Needs Python 3.10 or later with venv, on Linux.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv v
v/bin/pip -q install fasteners==0.20 filelock==3.20.0
cat >probe.py <<'PY'
import subprocess
import sys

import fasteners
import filelock


class Fasteners:
    def __init__(self, path):
        self.lock = fasteners.InterProcessLock(path)

    def acquire(self):
        return self.lock.acquire(blocking=False)

    def held(self):
        return self.lock.acquired


class Filelock:
    def __init__(self, path):
        self.lock = filelock.FileLock(path)

    def acquire(self):
        try:
            self.lock.acquire(blocking=False)
        except filelock.Timeout:
            return False
        return True

    def held(self):
        return self.lock.is_locked


KINDS = {"fasteners": Fasteners, "filelock": Filelock}


def other(name, path):
    """Whether another process gets the lock; it ends right after that."""
    run = subprocess.run([sys.executable, __file__, name, path], check=True, capture_output=True, text=True)
    return run.stdout.strip()


def said(name):
    first, second = KINDS[name](f"{name}-1"), KINDS[name](f"{name}-1")
    assert first.acquire()
    got, before = second.acquire(), other(name, f"{name}-1")
    if got:
        second.lock.release()
    after = other(name, f"{name}-1")
    reader = KINDS[name](f"{name}-2")
    assert reader.acquire() and other(name, f"{name}-2") == "False"
    open(f"{name}-2").close()
    read = other(name, f"{name}-2")
    return f"{name}: second object {got}; other process {before}, then {after}; held {first.held()}; file read: other process {read}"


if len(sys.argv) > 1:
    print(KINDS[sys.argv[1]](sys.argv[2]).acquire())
else:
    for name in KINDS:
        print(said(name))
PY
out=$(v/bin/python probe.py)
echo "$out"
diff <(echo "$out") - <<'SEEN' || { echo "changed: see the first lines of this file"; exit 1; }
fasteners: second object True; other process False, then True; held True; file read: other process True
filelock: second object False; other process False, then False; held True; file read: other process False
SEEN
