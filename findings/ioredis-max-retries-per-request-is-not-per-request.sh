#!/usr/bin/env bash
# ioredis 6.0.0 (npm), Redis 7.0.15 (Debian 12), seen 2026-11-28.
#
# maxRetriesPerRequest: 3, one INCR, and a connection that is lost each time after the
# server carried the command out and before its answer came (forty times, then no more).
# The limit does not stop anything: the command is sent 41 times, the counter is 41, and
# the caller is told 41 without an error. The same with the default of 20. The count of
# retries starts again with every connection that was made, so that it bounds attempts to
# connect, not how often one request is sent. With autoResendUnfulfilledCommands: false it is
# sent once, and the promise is never settled: neither after the client has connected again
# and other commands were answered, nor after disconnect(). commandTimeout makes an error of it.
#
# Guess that it breaks: by the option's name, a request is tried four times at most and then
# fails, whatever the connections do; whoever sets it to a small number to bound what a
# lost answer can do to a counter has bounded nothing.
#
# Seen (options, sent, what the caller was told, the counter):
#   maxRetriesPerRequest 3:                told 41     counter 41
#   default (20):                          told 41     counter 41
#   autoResendUnfulfilledCommands false:   pending     counter 1
#   the same, commandTimeout 1000:         told Error  counter 1
#
# Needs Node.js with npm, and apt-get (the package is only downloaded).
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; } || true; rm -rf "$dir"' EXIT
cd "$dir"
mkdir deb && (cd deb && for p in redis-tools=5:7.0.15-1~deb12u10 libjemalloc2 liblzf1 libatomic1; do
  apt-get download "$p" >/dev/null 2>&1 || { echo "cannot be downloaded: $p (run apt-get update)" >&2; exit 1; }
done)
for d in deb/*.deb; do dpkg-deb -x "$d" root; done
# The server's program is redis-check-rdb under another name.
cp root/usr/bin/redis-check-rdb redis-server
for p in 42491 42492; do if (: >/dev/tcp/127.0.0.1/"$p") 2>/dev/null; then echo "port $p is in use" >&2; exit 1; fi; done
LD_LIBRARY_PATH=$(echo "$dir/root"/usr/lib/*-linux-gnu) ./redis-server --port 42491 --bind 127.0.0.1 --save '' --dir "$dir" >log 2>&1 &
server=$!
npm init -y >/dev/null
npm install --silent ioredis@6.0.0 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >use.js <<'JS'
const net = require('net');
const { Redis } = require('ioredis');

// A proxy that keeps back the answers to INCR and closes those connections, lose times.
let lose = 0;
const proxy = net.createServer((client) => {
  const server = net.connect(42491, '127.0.0.1');
  let lost = false;
  client.on('data', (d) => {
    if (/incr/i.test(d.toString()) && lose > 0) { lose -= 1; lost = true; }
    server.write(d);
  });
  server.on('data', (d) => { if (lost) { client.destroy(); server.destroy(); } else client.write(d); });
  for (const [a, b] of [[client, server], [server, client]]) {
    a.on('error', () => {});
    a.on('close', () => b.destroy());
  }
});

async function row(name, options, want) {
  const direct = new Redis({ port: 42491 });
  direct.on('error', () => {});
  await direct.del('n');
  lose = 40;
  const c = new Redis({ port: 42492, retryStrategy: () => 5, ...options });
  c.on('error', () => {});
  let told = 'is pending';
  const settled = c.incr('n').then((v) => { told = `told ${v}`; }, (e) => { told = `told ${e.name}`; });
  await Promise.race([settled, new Promise((r) => setTimeout(r, 5000))]);
  if (told === 'is pending') { // the client itself works
    if (await c.set('other', 1) !== 'OK') throw new Error('the client is not connected');
    c.disconnect();
    await new Promise((r) => setTimeout(r, 1000));
  }
  const seen = `${told}, counter ${await direct.get('n')}`;
  console.log(`${name}: ${seen}`);
  if (seen !== want) { console.log(`  changed: expected ${want}`); process.exitCode = 1; }
  c.disconnect();
  direct.disconnect();
}

proxy.listen(42492, '127.0.0.1', async () => {
  await row('maxRetriesPerRequest 3', { maxRetriesPerRequest: 3 }, 'told 41, counter 41');
  await row('default (20)', {}, 'told 41, counter 41');
  await row('autoResendUnfulfilledCommands false', { autoResendUnfulfilledCommands: false }, 'is pending, counter 1');
  await row('the same, commandTimeout 1000', { autoResendUnfulfilledCommands: false, commandTimeout: 1000 }, 'told Error, counter 1');
  process.exit();
});
JS
timeout 120 node use.js
