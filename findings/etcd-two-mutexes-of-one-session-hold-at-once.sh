#!/usr/bin/env bash
# go.etcd.io/etcd/client/v3 3.6.16, concurrency package, etcd 3.6.16, seen 2026-11-28.
#
# Two goroutines of one process, one concurrency.Session, each with its own Mutex of the same
# prefix: the second Lock returns at once while the first is held, TryLock succeeds too, and
# so does Campaign of a second Election. The key of a waiter is the prefix and the lease of the
# session, so the second finds its own key first in the queue. The first Unlock takes the
# key away under the second, who goes on; a third party gets the lock meanwhile, and the
# second one's Unlock reports nothing. With a session each, the second waits.
#
# Guess that it breaks: NewMutex and NewLocker (a sync.Locker) give a lock between the callers
# that use it, and a process shares one session among them because a session is a lease
# with its stream of keep-alives. The documentation says neither that the owner is the
# session nor that the lock is open to goroutines of one session.
#
# Seen:
#   one session, Lock, Lock:         both hold
#   one session, Lock, TryLock:      both hold
#   one session, Campaign, Campaign: both lead
#   first Unlock:                    another session has the lock while the second goes on; its Unlock says <nil>
#   a session each, Lock, Lock:      the second waits
#
# Needs Go.
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; } || true; rm -rf "$dir"' EXIT
cd "$dir"
mkdir client && cd client
go mod init example.test/client 2>/dev/null
go get -tool go.etcd.io/etcd/server/v3@v3.6.16 >get.log 2>&1 || { cat get.log; exit 1; }
go get go.etcd.io/etcd/client/v3@v3.6.16 >get.log 2>&1 || { cat get.log; exit 1; }
cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

func must[T any](v T, err error) T {
	if err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
	return v
}

func main() {
	ctx := context.Background()
	client := must(clientv3.New(clientv3.Config{Endpoints: []string{"127.0.0.1:42421"}, DialTimeout: 20 * time.Second}))
	must(client.Get(ctx, "up"))
	shared := must(concurrency.NewSession(client))
	other := must(concurrency.NewSession(client))
	bad := false
	show := func(what, got, want string) {
		fmt.Printf("%s: %s\n", what, got)
		if got != want {
			fmt.Println("  changed: expected", want)
			bad = true
		}
	}
	// within says whether f came back without an error in three seconds.
	within := func(f func(context.Context) error, yes string) string {
		c, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		if err := f(c); err != nil {
			return "the second waits"
		}
		return yes
	}
	first, second := concurrency.NewMutex(shared, "a"), concurrency.NewMutex(shared, "a")
	must(0, first.Lock(ctx))
	show("one session, Lock, Lock", within(second.Lock, "both hold"), "both hold")
	show("one session, Lock, TryLock", within(concurrency.NewMutex(shared, "a").TryLock, "both hold"), "both hold")
	must(0, first.Unlock(ctx))
	third := within(concurrency.NewMutex(other, "a").Lock, "another session has the lock while the second goes on")
	show("first Unlock", fmt.Sprintf("%s; its Unlock says %v", third, second.Unlock(ctx)),
		"another session has the lock while the second goes on; its Unlock says <nil>")

	must(0, concurrency.NewElection(shared, "e").Campaign(ctx, "one"))
	two := func(c context.Context) error { return concurrency.NewElection(shared, "e").Campaign(c, "two") }
	show("one session, Campaign, Campaign", within(two, "both lead"), "both lead")

	must(0, concurrency.NewMutex(shared, "b").Lock(ctx))
	show("a session each, Lock, Lock", within(concurrency.NewMutex(other, "b").Lock, "both hold"), "the second waits")
	if bad {
		os.Exit(1)
	}
}
GO
go mod tidy >tidy.log 2>&1 || { cat tidy.log; exit 1; }
go build -o ../etcd go.etcd.io/etcd/server/v3
go build -o ../use .
cd ..
for p in 42420 42421; do if (: >/dev/tcp/127.0.0.1/"$p") 2>/dev/null; then echo "port $p is in use" >&2; exit 1; fi; done
./etcd --data-dir data --listen-client-urls http://127.0.0.1:42421 --advertise-client-urls http://127.0.0.1:42421 \
  --listen-peer-urls http://127.0.0.1:42420 --initial-advertise-peer-urls http://127.0.0.1:42420 \
  --initial-cluster default=http://127.0.0.1:42420 >log 2>&1 &
server=$!
./etcd --version | sed -n 1p
timeout 120 ./use
