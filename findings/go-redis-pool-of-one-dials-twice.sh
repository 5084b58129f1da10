#!/usr/bin/env bash
# go-redis 9.23.0, Redis 7.0.15 (Debian 12), seen 2026-11-28.
#
# A client with PoolSize 1 and MaxActiveConns 1, used by one goroutine, sends a
# pipeline as its first command. The next command goes over a second connection,
# although the first one is open and idle: the server counts two. With a plain
# command in the place of the pipeline there is one.
#
# Guess that it breaks: a pool of one is one connection, so that commands about the
# connection itself (WAIT, CLIENT REPLY, SELECT sent as a command) are about what was
# just sent, and a server's limit of connections is kept. Whoever needs one
# connection has to take client.Conn().
#
# Seen (dials, connections that the server counts):
#   pipeline first, then PING: dials 2, clients 2
#   PING first, then PING:     dials 1, clients 1
#   client.Conn():             dials 1, clients 1
#
# Needs Go and apt-get (the package is only downloaded, nothing is installed).
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; } || true; rm -rf "$dir"' EXIT
cd "$dir"
mkdir deb && (cd deb && for p in redis-tools=5:7.0.15-1~deb12u10 libjemalloc2 liblzf1 libatomic1; do
  apt-get download "$p" >/dev/null 2>&1 || { echo "cannot be downloaded: $p (run apt-get update)" >&2; exit 1; }
done)
for d in deb/*.deb; do dpkg-deb -x "$d" root; done
export LD_LIBRARY_PATH=$(echo "$dir/root"/usr/lib/*-linux-gnu)
# The server's program is redis-check-rdb under another name.
cp root/usr/bin/redis-check-rdb redis-server
./redis-server --version | cut -d' ' -f3
for p in 42379; do if (: >/dev/tcp/127.0.0.1/"$p") 2>/dev/null; then echo "port $p is in use" >&2; exit 1; fi; done
./redis-server --port 42379 --bind 127.0.0.1 --save '' --dir "$dir" >log 2>&1 &
server=$!

mkdir client && cd client
go mod init example.test/client 2>/dev/null
go get github.com/redis/go-redis/v9@v9.23.0 >get.log 2>&1 || { cat get.log; exit 1; }
cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const addr = "127.0.0.1:42379"

// count runs use with a fresh client and returns its dials and what the server counts.
func count(use func(context.Context, *redis.Client)) (dials int64, clients int) {
	ctx := context.Background()
	var n atomic.Int64
	c := redis.NewClient(&redis.Options{
		Addr: addr, PoolSize: 1, MaxActiveConns: 1, MaxRetries: -1, ClientName: "counted",
		Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
			n.Add(1)
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		},
	})
	defer c.Close()
	use(ctx, c)
	other := redis.NewClient(&redis.Options{Addr: addr})
	defer other.Close()
	list := other.ClientList(ctx).Val()
	return n.Load(), strings.Count(list, "name=counted")
}

func main() {
	for range 50 { // until the server listens
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	bad := false
	show := func(what string, want int64, use func(context.Context, *redis.Client)) {
		dials, clients := count(use)
		fmt.Printf("%-27s dials %d, clients %d\n", what+":", dials, clients)
		if dials != want || int64(clients) != want {
			fmt.Println("  changed: expected", want)
			bad = true
		}
	}
	pipeline := func(ctx context.Context, p redis.Pipeliner) {
		p.Set(ctx, "a", 1, 0)
		p.Get(ctx, "a")
		p.Exec(ctx)
	}
	show("pipeline first, then PING", 2, func(ctx context.Context, c *redis.Client) { pipeline(ctx, c.Pipeline()); c.Ping(ctx) })
	show("PING first, then PING", 1, func(ctx context.Context, c *redis.Client) { c.Ping(ctx); c.Ping(ctx) })
	show("client.Conn()", 1, func(ctx context.Context, c *redis.Client) {
		conn := c.Conn()
		pipeline(ctx, conn.Pipeline())
		conn.Ping(ctx)
	})
	if bad {
		os.Exit(1)
	}
}
GO
go mod tidy >tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run .
