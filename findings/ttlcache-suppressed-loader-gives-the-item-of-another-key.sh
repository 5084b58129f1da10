#!/usr/bin/env bash
# ttlcache v3.4.1 (Go), seen 2026-11-30.
#
# A cache whose keys are structs of two strings, with a loader that is wrapped in a SuppressedLoader, so that two who miss
# the same key at once load it once. Two keys are got at once that are different, but look the same when printed one field
# after the other: {"Main", "Street 5"} and {"Main Street", "5"}. Only the first is loaded, and the second Get is given the
# first one's item, under the other key, as if it were its own. Nothing is stored for the second key, so that
# the next Get of it loads and says something else. The loads are told apart by fmt.Sprint of the key. With keys of type any
# it is the same for 1 and "1". One after the other, with the loader as it is, or with keys that are printed differently,
# each gets its own.
#
# Guess that it breaks: the key's type is asked to be comparable, and the cache itself keeps the two apart, as == does; of the
# wrapper it is said that it suppresses duplicate calls. A value that is right alone and is another's under load is the
# last thing that one looks for in the wrapper that is there for load.
#
# Seen (what the first Get and the second give, "of" the key that was loaded; how many loads, how many items in the cache):
#   at once, suppressed, printed the same:          of {"Main", "Street 5"}, of {"Main", "Street 5"}; 1, 1
#   the second once more, afterwards:               of {"Main Street", "5"}; 2, 2
#   at once, suppressed, printed differently:       of {"Main", "Street 5"}, of {"High Street", "5"}; 2, 2
#   at once, loader as it is, printed the same:     of {"Main", "Street 5"}, of {"Main Street", "5"}; 2, 2
#   in turn, suppressed, printed the same:          of {"Main", "Street 5"}, of {"Main Street", "5"}; 2, 2
#   at once, suppressed, keys 1 and "1":            of 1, of 1; 1, 1
#
# Needs Go 1.23 or later.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'MOD'
module example.test/suppressed

go 1.23.0

require github.com/jellydator/ttlcache/v3 v3.4.1
MOD
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jellydator/ttlcache/v3"
)

type address struct{ street, house string }

func (a address) text() string { return fmt.Sprintf("{%q, %q}", a.street, a.house) }

// waiting says how many are inside the group that lets one of them load.
func waiting() int {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	return strings.Count(string(stacks), "singleflight.(*Group).Do(")
}

// until waits for what happens for certain, and gives up the whole program if it does not.
func until(what string, is func() bool) {
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			fmt.Println("changed or broken: in vain waited for", what)
			os.Exit(1)
		}
	}
}

type how struct{ atOnce, suppressed bool }

// both gets two keys, and the second once more, and says what that gave.
func both[K comparable](h how, text func(K) string, first, second K) (got, again string) {
	var loads atomic.Int64
	release := make(chan struct{})
	var loader ttlcache.Loader[K, string] = ttlcache.LoaderFunc[K, string](
		func(c *ttlcache.Cache[K, string], key K) *ttlcache.Item[K, string] {
			loads.Add(1)
			<-release
			return c.Set(key, "of "+text(key), ttlcache.NoTTL)
		})
	if h.suppressed {
		loader = ttlcache.NewSuppressedLoader(loader, nil)
	}
	cache := ttlcache.New(ttlcache.WithLoader(loader))
	var values [2]string
	var group sync.WaitGroup
	get := func(i int, key K) {
		group.Add(1)
		go func() {
			defer group.Done()
			values[i] = cache.Get(key).Value()
		}()
	}
	if !h.atOnce {
		close(release)
	}
	get(0, first)
	until("the first load", func() bool { return loads.Load() == 1 })
	if !h.atOnce {
		group.Wait()
	}
	get(1, second)
	if h.atOnce {
		until("the second Get", func() bool { return loads.Load() == 2 || waiting() == 2 })
		close(release)
	}
	group.Wait()
	got = fmt.Sprintf("%s, %s; %d, %d", values[0], values[1], loads.Load(), cache.Len())
	value := cache.Get(second).Value()
	return got, fmt.Sprintf("%s; %d, %d", value, loads.Load(), cache.Len())
}

func main() {
	same := true
	line := func(name, got, want string) {
		fmt.Printf("%s: %s\n", name, got)
		same = same && got == want
	}
	first, printedSame, other := address{"Main", "Street 5"}, address{"Main Street", "5"}, address{"High Street", "5"}
	own := `of {"Main", "Street 5"}, of {"Main Street", "5"}; 2, 2`
	got, again := both(how{atOnce: true, suppressed: true}, address.text, first, printedSame)
	line("at once, suppressed, printed the same", got, `of {"Main", "Street 5"}, of {"Main", "Street 5"}; 1, 1`)
	line("the second once more, afterwards", again, `of {"Main Street", "5"}; 2, 2`)
	got, _ = both(how{atOnce: true, suppressed: true}, address.text, first, other)
	line("at once, suppressed, printed differently", got, `of {"Main", "Street 5"}, of {"High Street", "5"}; 2, 2`)
	got, _ = both(how{atOnce: true}, address.text, first, printedSame)
	line("at once, loader as it is, printed the same", got, own)
	got, _ = both(how{suppressed: true}, address.text, first, printedSame)
	line("in turn, suppressed, printed the same", got, own)
	got, _ = both(how{atOnce: true, suppressed: true}, func(k any) string { return fmt.Sprintf("%#v", k) }, any(1), any("1"))
	line(`at once, suppressed, keys 1 and "1"`, got, "of 1, of 1; 1, 1")
	if !same {
		fmt.Println("changed or broken")
		os.Exit(1)
	}
}
GO
GOFLAGS=-mod=mod go mod tidy >tidy.log 2>&1 || { cat tidy.log; exit 1; }
timeout 200 go run .
