#!/usr/bin/env bash
# go-redis/cache v9.0.0 (Go) with go-redis v9.14.1, and miniredis v2.40.0 in place of Redis, seen 2026-11-30.
#
# Two processes with a local cache each set one key with SetNX. The second one is too late: Redis keeps the value of the first. Set
# gives the second no error, and until its local cache forgets it, Get and Exists there give the value that Redis has refused, while all others have the
# first one's; so both believe that they are the one who was chosen. With SetXX, of a key that is not
# there, it is the same: the one who set it reads a value that exists nowhere. Once with SetNX, which loads and sets, gives its own
# value too. Without a local cache both read the first one's value.
#
# Guess that it breaks: that Set does not say whether it was set is seen soon, and so one asks with Get afterwards, which is the usual
# way with a cache that has SetNX. "Only sets the key if it does not already exist" is thought to be true of the local half as well.
#
# Seen (what the first and the second read of the key afterwards, and the second without its local cache):
#   both SetNX:                        first, second; first
#   both SetNX, no local cache:        first, first; first
#   second by Once and SetNX:          first, second; first
#   second by SetXX of a missing key:  nothing, second; nothing
#   both Set:                          first, second; second
#
# Needs Go 1.24 or later.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'MOD'
module example.test/setnx

go 1.24.0

require (
	github.com/alicebob/miniredis/v2 v2.40.0
	github.com/go-redis/cache/v9 v9.0.0
	github.com/redis/go-redis/v9 v9.14.1
)
MOD
cat >main.go <<'GO'
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/go-redis/cache/v9"
	"github.com/redis/go-redis/v9"
)

const key = "leader"

var same = true

func must(err error) {
	if err != nil {
		fmt.Println("changed or broken:", err)
		os.Exit(1)
	}
}

func read(get func(context.Context, string, any) error) string {
	var value string
	err := get(context.Background(), key, &value)
	if errors.Is(err, cache.ErrCacheMiss) {
		return "nothing"
	}
	must(err)
	return value
}

// row has two processes set the key one after the other, and says what they read.
func row(name, want string, local bool, set func(first, second *cache.Cache)) {
	server, err := miniredis.Run()
	must(err)
	defer server.Close()
	process := func() *cache.Cache {
		opt := &cache.Options{Redis: redis.NewClient(&redis.Options{Addr: server.Addr()})}
		if local {
			opt.LocalCache = cache.NewTinyLFU(100, time.Hour)
		}
		return cache.New(opt)
	}
	first, second := process(), process()
	set(first, second)
	// The last reading is the last to be made: it would change the local cache.
	got := fmt.Sprintf("%s, %s; %s", read(first.Get), read(second.Get), read(second.GetSkippingLocalCache))
	fmt.Printf("%s: %s\n", name, got)
	same = same && got == want
}

func main() {
	nx := func(value string) *cache.Item { return &cache.Item{Key: key, Value: value, TTL: time.Hour, SetNX: true} }
	both := func(first, second *cache.Cache) {
		must(first.Set(nx("first")))
		must(second.Set(nx("second")))
	}
	row("both SetNX", "first, second; first", true, both)
	row("both SetNX, no local cache", "first, first; first", false, both)
	row("second by Once and SetNX", "first, second; first", true, func(first, second *cache.Cache) {
		var value string
		item := nx("")
		item.Value = &value
		item.Do = func(*cache.Item) (any, error) {
			// The first one is quicker while this one makes its value.
			must(first.Set(nx("first")))
			return "second", nil
		}
		must(second.Once(item))
		if value != "second" {
			must(fmt.Errorf("Once gives %q", value))
		}
	})
	row("second by SetXX of a missing key", "nothing, second; nothing", true, func(_, second *cache.Cache) {
		must(second.Set(&cache.Item{Key: key, Value: "second", TTL: time.Hour, SetXX: true}))
		if !second.Exists(context.Background(), key) {
			must(errors.New("Exists says no"))
		}
	})
	row("both Set", "first, second; second", true, func(first, second *cache.Cache) {
		for _, s := range []struct {
			c     *cache.Cache
			value string
		}{{first, "first"}, {second, "second"}} {
			must(s.c.Set(&cache.Item{Key: key, Value: s.value, TTL: time.Hour}))
		}
	})
	if !same {
		fmt.Println("changed or broken")
		os.Exit(1)
	}
}
GO
GOFLAGS=-mod=mod go mod tidy >tidy.log 2>&1 || { cat tidy.log; exit 1; }
timeout 200 go run .
