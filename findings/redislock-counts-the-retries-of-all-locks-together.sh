#!/usr/bin/env bash
# redislock v0.9.4 (Go) with go-redis v9.14.1, and miniredis v2.40.0 in place of Redis, seen 2026-11-30.
#
# A program has its options in one place: LimitRetry of three tries more, a tenth of a second apart. The first lock that is taken by
# another is tried four times, as asked. From the second on there is one try: it is refused at once, although
# the holder lets go in the next moment. The three tries were for all locks of the program together, of all keys and goroutines, for ever;
# also those of a lock that was had in the end. ExponentialBackoff is used up in the same way: each time goes on where the last one was, so
# that a lock that is free soon is waited for as long as the one before at its end.
#
# Guess that it breaks: the options say how to try, as the TTL says how long to hold; a LinearBackoff in them can be used again.
# The comment says that LimitRetry limits the number of retries to max attempts, in the options of one Obtain. A
# test, and the first incident, find it right.
#
# Seen (how often a lock that is held is asked for by each Obtain; the waits between the tries of ExponentialBackoff in ms):
#   LimitRetry of 3, the same options:       4, 1, 1
#   LimitRetry of 3, options made anew:      4, 4, 4
#   LimitRetry of 3, a lock had at try 3:    3, then 2
#   ExponentialBackoff, the same options:    4 8 16, then 32 64 128
#
# Needs Go 1.24 or later.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'MOD'
module example.test/retries

go 1.24.0

require (
	github.com/alicebob/miniredis/v2 v2.40.0
	github.com/bsm/redislock v0.9.4
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
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/bsm/redislock"
	"github.com/redis/go-redis/v9"
)

var same = true

func must(err error) {
	if err != nil {
		fmt.Println("changed or broken:", err)
		os.Exit(1)
	}
}

func line(name, got, want string) {
	fmt.Printf("%s: %s\n", name, got)
	same = same && got == want
}

// asked counts what is asked of Redis, and lets go of the lock before the try of the given number.
type asked struct {
	redis.UniversalClient
	tries, free int
	release     func()
}

func (a *asked) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	a.tries++
	if a.tries == a.free {
		a.release()
	}
	return a.UniversalClient.EvalSha(ctx, sha, keys, args...)
}

// tries has a lock taken that another one holds, and says how often that was asked for.
func tries(server *miniredis.Miniredis, key string, free int, opt *redislock.Options) int {
	ctx := context.Background()
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer client.Close()
	held, err := redislock.Obtain(ctx, client, key, time.Hour, nil)
	must(err)
	a := &asked{UniversalClient: client, free: free, release: func() { must(held.Release(ctx)) }}
	_, err = redislock.Obtain(ctx, a, key, time.Hour, opt)
	if got := free == 0; got != errors.Is(err, redislock.ErrNotObtained) {
		must(fmt.Errorf("%s: %v", key, err))
	}
	return a.tries
}

func limited() *redislock.Options {
	return &redislock.Options{RetryStrategy: redislock.LimitRetry(redislock.LinearBackoff(100*time.Millisecond), 3)}
}

// noted notes the waits that a strategy asks for, and ends it after three of each lock.
type noted struct {
	redislock.RetryStrategy
	waits []string
}

func (n *noted) NextBackoff() time.Duration {
	if len(n.waits) == 3 {
		return 0
	}
	wait := n.RetryStrategy.NextBackoff()
	n.waits = append(n.waits, fmt.Sprint(wait.Milliseconds()))
	return wait
}

func main() {
	server, err := miniredis.Run()
	must(err)
	defer server.Close()
	opt := limited()
	line("LimitRetry of 3, the same options", fmt.Sprintf("%d, %d, %d",
		tries(server, "a", 0, opt), tries(server, "b", 0, opt), tries(server, "c", 0, opt)), "4, 1, 1")
	line("LimitRetry of 3, options made anew", fmt.Sprintf("%d, %d, %d",
		tries(server, "d", 0, limited()), tries(server, "e", 0, limited()), tries(server, "f", 0, limited())), "4, 4, 4")
	opt = limited()
	line("LimitRetry of 3, a lock had at try 3", fmt.Sprintf("%d, then %d",
		tries(server, "g", 3, opt), tries(server, "h", 0, opt)), "3, then 2")
	strategy := redislock.ExponentialBackoff(time.Millisecond, time.Minute)
	var waits []string
	for _, key := range []string{"i", "j"} {
		n := &noted{RetryStrategy: strategy}
		tries(server, key, 0, &redislock.Options{RetryStrategy: n})
		waits = append(waits, strings.Join(n.waits, " "))
	}
	line("ExponentialBackoff, the same options", strings.Join(waits, ", then "), "4 8 16, then 32 64 128")
	if !same {
		fmt.Println("changed or broken")
		os.Exit(1)
	}
}
GO
GOFLAGS=-mod=mod go mod tidy >tidy.log 2>&1 || { cat tidy.log; exit 1; }
timeout 200 go run .
