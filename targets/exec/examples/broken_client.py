#!/usr/bin/env python3
"""redis_client.py with a mistake: it acknowledges every tenth write without doing it."""
import os, sys

source = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "redis_client.py")).read()
right = 'return ask(node, "SET", r["key"], r["value"]) and {"type": "ok", "node": node}'
wrong = 'return (r["id"] % 10 == 0 or ask(node, "SET", r["key"], r["value"])) and {"type": "ok", "node": node}'
assert right in source
exec(compile(source.replace(right, wrong), "broken_client.py", "exec"))
