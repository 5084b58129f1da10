#!/usr/bin/env bash
# PySyncObj 0.3.17 (Python 3), seen 2026-11-30.
#
# PySyncObj replicates the calls of an object's methods by Raft: all nodes carry out the same calls in the
# same order. Its own ReplSet has pop(), which removes "an arbitrary set element". Each node takes its own:
# the order of a set of strings goes by their hashes, and these differ from process to process unless
# PYTHONHASHSEED is set. The caller is told the element that its node removed. From then on the nodes' sets
# differ for good, with one leader, one log, no fault, and all calls acknowledged; so what a worker has taken
# is still there for the next one, and other elements are gone that nobody was given.
#
# Guess that it breaks: nodes of one Raft group that have carried out the same log have the same state, for
# the collections that come with the library at least.
#
# Seen (three processes, 20 strings, 5 pops at the first node; then the same with PYTHONHASHSEED=0):
#   hashes by chance: the nodes have 15 elements each, in 2 or 3 different sets; most of the 5 that pop() returned are still at another node
#   PYTHONHASHSEED=0: the nodes have 15 elements each, in 1 set; none of the 5 is still at one
#
# Needs Python 3.9 or later with venv.
set -euo pipefail
dir=$(mktemp -d)
pids=
trap 'for p in $pids; do kill "$p" 2>/dev/null || true; wait "$p" 2>/dev/null || true; done; rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv v
v/bin/pip -q install pysyncobj==0.3.17 >pip.log 2>&1 || { cat pip.log; exit 1; }
cat >node.py <<'PY'
# One node of three. It does what it is told on standard input, a line each.
import sys
import time

from pysyncobj import SyncObj
from pysyncobj.batteries import ReplCounter, ReplSet

ports = sys.argv[2:]
me = int(sys.argv[1])
members, counter = ReplSet(), ReplCounter()
node = SyncObj(f"127.0.0.1:{ports[me]}", [f"127.0.0.1:{p}" for i, p in enumerate(ports) if i != me], consumers=[members, counter])
while not node.isReady():
    time.sleep(0.05)
print("ready", flush=True)
for line in sys.stdin:
    word = line.split()
    if word[0] == "add":
        members.add(word[1], sync=True, timeout=30)
        print("added", flush=True)
    elif word[0] == "pop":
        print(members.pop(sync=True, timeout=30), flush=True)
    elif word[0] == "show":
        # A call that this node has waited for comes after all earlier ones in the log.
        counter.inc(sync=True, timeout=30)
        print(" ".join(sorted(members.rawData())), flush=True)
PY
cat >try.py <<'PY'
import os
import socket
import subprocess
import sys

def free():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    return s

def attempt(env):
    held = [free() for _ in range(3)]
    ports = [str(s.getsockname()[1]) for s in held]
    for s in held:
        s.close()
    nodes = [subprocess.Popen([sys.executable, "node.py", str(i), *ports], env={**os.environ, **env}, text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) for i in range(3)]
    try:
        def ask(n, line):
            n.stdin.write(line + "\n")
            n.stdin.flush()
            return n.stdout.readline().strip()
        for n in nodes:
            n.stdout.readline()
        for i in range(20):
            ask(nodes[0], f"add job-{i:02}")
        taken = [ask(nodes[0], "pop") for _ in range(5)]
        return taken, [set(ask(n, "show").split()) for n in nodes]
    finally:
        for n in nodes:
            n.kill()
            n.wait()

ok = True
for name, env in (("hashes by chance", {"PYTHONHASHSEED": "random"}), ("PYTHONHASHSEED=0", {"PYTHONHASHSEED": "0"})):
    taken, sets = attempt(env)
    different = len({frozenset(s) for s in sets})
    again = [t for t in taken if any(t in s for s in sets)]
    print(f"{name}: the nodes have {[len(s) for s in sets]} elements, in {different} different sets; {len(again)} of the 5 that pop() returned are still at another node")
    ok = ok and len(set(taken)) == 5 and all(len(s) == 15 for s in sets)
    ok = ok and ((different > 1 and len(again) > 0) if env["PYTHONHASHSEED"] == "random" else (different == 1 and not again))
if not ok:
    print("changed or broken")
    sys.exit(1)
PY
v/bin/python try.py
