#!/usr/bin/env python3
"""Redis for lapse, in plain Python: redis_client.py DIRECTORY PORT...

Each port is a node on this machine, the first the primary that the others follow:
  lapse run --target exec --set program='python3 redis_client.py /tmp/redis 7001 7002 7003'
The control process starts the servers and breaks them. For servers that run already,
leave control out of the hello."""
import json, os, signal, socket, subprocess, sys

HERE, PORTS = sys.argv[1], {f"n{i + 1}": int(p) for i, p in enumerate(sys.argv[2:])}
FIRST = next(iter(PORTS))
CAS = """local v = redis.call('GET', KEYS[1]) or ''
if v ~= ARGV[1] then return {0, v} end
redis.call('SET', KEYS[1], ARGV[2]) return {1, v}"""
SERVER = ["redis-server", "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--appendfsync", "always", "--repl-diskless-sync-delay", "0"]
links, servers, session = {}, {}, {}

class Refused(Exception): """Redis answered so instead of doing anything."""

def reply(f):
    line = f.readline()
    if not line.endswith(b"\r\n"): raise EOFError("connection closed")
    kind, rest = line[:1], line[1:-2].decode()
    if kind == b"-": raise Refused(rest.split(" ")[0])
    if kind == b"$": return None if rest == "-1" else f.read(int(rest) + 2)[:-2].decode()
    if kind == b"*": return [reply(f) for _ in range(int(rest))]
    return int(rest) if kind == b":" else rest

def ask(node, *words):
    if node not in links:
        links[node] = socket.create_connection(("127.0.0.1", PORTS[node]), timeout=1).makefile("rwb")
    f = links[node]
    f.write(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in (str(w).encode() for w in words)))
    f.flush()
    return reply(f)

def value(text):
    return int(text) if text and text.lstrip("-").isdigit() else text or None

def operation(r):
    node = FIRST if r["f"] != "read" or session["read_level"] == "primary" else r["node"]
    try:
        if r["f"] == "read": return {"type": "ok", "node": node, "value": value(ask(node, "GET", r["key"]))}
        if r["f"] == "write": return ask(node, "SET", r["key"], r["value"]) and {"type": "ok", "node": node}
        done, was = ask(node, "EVAL", CAS, 1, r["key"], "" if r["expect"] is None else r["expect"], r["value"])
        return {"type": "ok", "node": node} if done else {"type": "fail", "node": node, "mismatch": True, "value": value(was)}
    except (Refused, ConnectionRefusedError) as e: # nothing was done
        return {"type": "fail", "error": str(e) if isinstance(e, Refused) else "connection refused"}
    except (OSError, EOFError) as e: # who knows?
        links.pop(node, None)
        return {"type": "info", "error": type(e).__name__}

def control(r):
    n = r["node"]
    if r["type"] == "start":
        os.makedirs(os.path.join(HERE, n), exist_ok=True)
        follow = [] if n == FIRST else ["--replicaof", "127.0.0.1", str(PORTS[FIRST])]
        servers[n] = subprocess.Popen(SERVER + ["--dir", os.path.join(HERE, n), "--port", str(PORTS[n])] + follow, stdin=subprocess.DEVNULL, stdout=sys.stderr)
    elif r["type"] == "ready":
        links.pop(n, None) # a fresh connection: nothing of before can answer
        info = ask(n, "INFO", "replication")
        if n != FIRST and "master_link_status:up" not in info: return {"type": "fail", "error": "not in sync"}
    else:
        servers[n].send_signal({"kill": signal.SIGKILL, "stop": signal.SIGTERM, "pause": signal.SIGSTOP, "resume": signal.SIGCONT}[r["type"]])
        if r["type"] in ("kill", "stop"): servers[n].wait()
    return {"type": "ok"}

for line in sys.stdin:
    r = json.loads(line)
    if r["type"] == "close": break
    try:
        if r["type"] == "hello":
            a = {"type": "hello", "protocol": 1, "database": "Redis by Python", "nodes": list(PORTS), "functions": ["read", "write", "cas"],
                 "read_levels": ["primary", "any"], "control": ["start", "stop", "kill", "pause", "resume", "ready"]}
        elif r["type"] == "open": session, a = r, {"type": "ok"}
        else: a = operation(r) if r["type"] == "invoke" else control(r)
    except (OSError, EOFError, Refused) as e: a = {"type": "fail", "error": f"{type(e).__name__}: {e}"}
    print(json.dumps({**a, "id": r["id"]}), flush=True)
