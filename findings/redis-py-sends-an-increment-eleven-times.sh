#!/usr/bin/env bash
# redis-py 8.1.0 (PyPI), node-redis 6.3.1 (npm), Redis 7.0.15 (Debian 12), seen 2026-11-28.
#
# redis.Redis() with nothing set, INCR once, and a connection that is lost after the
# server carried the command out and before its answer came: redis-py opens another
# connection and sends the command again, up to ten times more. If only the first answer
# is lost, the caller is told 2; if all are lost, the caller has a ConnectionError and the
# counter is 11. A pipeline with MULTI and EXEC and a script are sent again as well.
# node-redis raises the error and the counter is 1.
#
# Guess that it breaks: a client sends a command that is not idempotent at most once, or a
# transaction at most once, or retries are something that one asks for. A harness that
# counts acknowledged increments blames the server for what its client added.
# retry=None turns it off.
#
# Seen (answers lost, what the caller was told, the counter):
#   redis-py default incr    lost 1:  told 2                counter 2
#   redis-py default incr    all:     told ConnectionError  counter 11
#   redis-py default multi   lost 1:  told [2]              counter 2
#   redis-py default script  lost 1:  told 2                counter 2
#   redis-py retry=None incr lost 1:  told ConnectionError  counter 1
#   node-redis incr          lost 1:  told Error            counter 1
#
# Needs Python 3, Node.js with npm, and apt-get (the package is only downloaded).
set -euo pipefail
dir=$(mktemp -d)
pids=
trap 'for p in $pids; do kill "$p" 2>/dev/null || true; wait "$p" 2>/dev/null || true; done; rm -rf "$dir"' EXIT
cd "$dir"
mkdir deb && (cd deb && for p in redis-tools=5:7.0.15-1~deb12u10 libjemalloc2 liblzf1 libatomic1; do
  apt-get download "$p" >/dev/null 2>&1 || { echo "cannot be downloaded: $p (run apt-get update)" >&2; exit 1; }
done)
for d in deb/*.deb; do dpkg-deb -x "$d" root; done
export LD_LIBRARY_PATH=$(echo "$dir/root"/usr/lib/*-linux-gnu)
# The server's program is redis-check-rdb under another name.
cp root/usr/bin/redis-check-rdb redis-server
for p in 42481 42482; do if (: >/dev/tcp/127.0.0.1/"$p") 2>/dev/null; then echo "port $p is in use" >&2; exit 1; fi; done
./redis-server --port 42481 --bind 127.0.0.1 --save '' --dir "$dir" >log 2>&1 &
pids="$pids $!"
python3 -m venv v
v/bin/pip -q install redis==8.1.0 >pip.log 2>&1 || { cat pip.log; exit 1; }
mkdir js && (cd js && npm init -y >/dev/null && npm install --silent redis@6.3.1 >/dev/null 2>&1)

# A proxy: what holds "incr" goes to the server, its answer does not come back and the
# connection is closed. The number of answers to lose comes by a file.
cat >proxy.py <<'PY'
import asyncio

async def handle(reader, writer):
    up, down = await asyncio.open_connection("127.0.0.1", 42481)
    lose = False
    async def there():
        nonlocal lose
        while data := await reader.read(65536):
            if b"incr" in data.lower() and (left := int(open("lose").read())) > 0:
                open("lose", "w").write(str(left - 1))
                lose = True
            down.write(data)
        if not lose:
            down.close()
    async def back():
        while (data := await up.read(65536)) and not lose:
            writer.write(data)
        writer.close()
        down.close()
    await asyncio.gather(there(), back(), return_exceptions=True)

async def main():
    async with await asyncio.start_server(handle, "127.0.0.1", 42482) as s:
        await s.serve_forever()

asyncio.run(main())
PY
v/bin/python proxy.py >proxy.log 2>&1 &
pids="$pids $!"
cat >use.py <<'PY'
import redis, sys, time

kind, retry = sys.argv[1], sys.argv[2]
c = redis.Redis(port=42482) if retry == "default" else redis.Redis(port=42482, retry=None)
try:
    if kind == "incr":
        told = c.incr("n")
    elif kind == "multi":
        told = c.pipeline(transaction=True).incr("n").execute()
    else:
        told = c.eval("return redis.call('INCR', KEYS[1])", 1, "n")
except redis.RedisError as e:
    told = type(e).__name__
print(told)
PY
cat >js/use.js <<'JS'
(async () => {
  const c = require('redis').createClient({ url: 'redis://127.0.0.1:42482' });
  c.on('error', () => {});
  await c.connect();
  let told;
  try { told = await c.incr('n'); } catch (e) { told = e.name; }
  console.log(told);
  process.exit(0);
})();
JS
cat >wait.py <<'PY'
import redis, time

for port in (42481, 42482):
    for _ in range(100):
        try:
            redis.Redis(port=port, retry=None).ping()
            break
        except redis.RedisError:
            time.sleep(0.1)
PY
echo 0 >lose
v/bin/python wait.py
count() { v/bin/python -c 'import redis; c = redis.Redis(port=42481); print(int(c.get("n") or 0)); c.delete("n")'; }
row() { # NAME LOSE COMMAND...
  local name=$1 lose=$2
  shift 2
  echo "$lose" >lose
  local told
  told=$("$@")
  echo "$name, answers lost at most $lose: told $told, counter $(count)"
}
{
  row 'redis-py default incr' 1 v/bin/python use.py incr default
  row 'redis-py default incr' 99 v/bin/python use.py incr default
  row 'redis-py default multi' 1 v/bin/python use.py multi default
  row 'redis-py default script' 1 v/bin/python use.py script default
  row 'redis-py retry=None incr' 1 v/bin/python use.py incr none
  row 'node-redis incr' 1 node js/use.js
} | tee out
diff - out <<'OUT' || { echo "the behaviour changed" >&2; exit 1; }
redis-py default incr, answers lost at most 1: told 2, counter 2
redis-py default incr, answers lost at most 99: told ConnectionError, counter 11
redis-py default multi, answers lost at most 1: told [2], counter 2
redis-py default script, answers lost at most 1: told 2, counter 2
redis-py retry=None incr, answers lost at most 1: told ConnectionError, counter 1
node-redis incr, answers lost at most 1: told Error, counter 1
OUT
