#!/usr/bin/env bash
# Toxiproxy 2.12.0, seen 2026-11-28.
#
# The toxic "timeout" of 1000 ms closes the connection of a client that is silent after
# 1 s. A client that goes on sending a byte every 300 ms, into the void, keeps its
# connection for as long as it sends: each chunk of data starts the time anew.
#
# Guess that it breaks: the README's "stops all data from getting through, and closes the
# connection after timeout". Drivers and servers with heartbeats under the timeout, and
# clients that send again and again, see a black hole in the place of a closed connection:
# the error that the test is about never comes, and what was to be a short cut lasts until
# the toxic is removed.
#
# Seen:
#   silent client:             closed after 1.0 s
#   a byte every 300 ms, 4 s:  not closed; closed 1.0 s after the last byte
#
# Needs Go.
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; } || true; rm -rf "$dir"' EXIT
cd "$dir"
go mod init example.test/toxi 2>/dev/null
go get -tool github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0 >get.log 2>&1 || { cat get.log; exit 1; }
go build -o toxiproxy github.com/Shopify/toxiproxy/v2/cmd/server
for p in 42474 42475; do if (: >/dev/tcp/127.0.0.1/"$p") 2>/dev/null; then echo "port $p is in use" >&2; exit 1; fi; done
./toxiproxy -host 127.0.0.1 -port 42474 >log 2>&1 &
server=$!
cat >main.go <<'GO'
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2/client"
)

func main() {
	if err := run(); err != nil {
		fmt.Println("changed or broken:", err)
		os.Exit(1)
	}
}

func run() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	go func() { // takes all and answers nothing
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go io.Copy(io.Discard, c)
		}
	}()
	c := toxiproxy.NewClient("127.0.0.1:42474")
	var p *toxiproxy.Proxy
	for range 100 {
		if p, err = c.CreateProxy("p", "127.0.0.1:42475", l.Addr().String()); err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil {
		return err
	}
	if _, err := p.AddToxic("", "timeout", "upstream", 1, toxiproxy.Attributes{"timeout": 1000}); err != nil {
		return err
	}

	// closed sends a byte every 300 ms for some time and returns when the connection was closed.
	closed := func(sending time.Duration) (time.Duration, error) {
		conn, err := net.Dial("tcp", p.Listen)
		if err != nil {
			return 0, err
		}
		defer conn.Close()
		from := time.Now()
		go func() {
			for time.Since(from) < sending {
				if _, err := conn.Write([]byte{1}); err != nil {
					return
				}
				time.Sleep(300 * time.Millisecond)
			}
		}()
		conn.SetReadDeadline(from.Add(20 * time.Second))
		_, err = conn.Read(make([]byte, 1))
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, errors.New("never closed")
		}
		return time.Since(from), nil
	}
	silent, err := closed(0)
	if err != nil {
		return err
	}
	talking, err := closed(4 * time.Second)
	if err != nil {
		return err
	}
	fmt.Printf("silent client: closed after %.1f s\na byte every 300 ms for 4 s: closed after %.1f s\n", silent.Seconds(), talking.Seconds())
	if silent > 3*time.Second || talking < 4*time.Second {
		return errors.New("not as seen")
	}
	return nil
}
GO
go mod tidy >tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run .
