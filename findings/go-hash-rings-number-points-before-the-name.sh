#!/usr/bin/env bash
# groupcache's consistenthash (2024-11-29) and stathat.com/c/consistent 1.0.0, two
# consistent hash rings in Go, seen 2026-11-29.
#
# Both hash the points of a member as its number followed by the member's name, with
# nothing between. Members that are called by number share points: 1 and 11 are the point
# "111", as point 1 of member 11 and as point 11 of member 1. The member that was added
# last has the point. Of 100,000 keys on 32 members, 9,145 (groupcache, 50 points) and
# 1,999 (stathat, its 20 points) have another owner when the same members are added in the
# other order; with the names shard-0 to shard-31 none has. In stathat a removed member takes
# the shared points along: the ring then differs from one that never had the member.
#
# Guess that it breaks: the owner of a key is a function of the set of members. Two
# processes that read the members in different orders (from a map, from a directory, or one
# since the start and one after a join) send the same key to different shards, and each
# finds there only what it wrote itself: lost writes and stale reads without any fault.
#
# Seen:
#   0..31: another order of adding moves 9145 (groupcache) and 1999 (stathat) of 100000 keys
#   0..31 without 11: after Remove 106 keys lie elsewhere than without Add
#   shard-0..shard-31: another order of adding moves 0 (groupcache) and 0 (stathat) of 100000 keys
#   shard-0..shard-31 without shard-11: after Remove 0 keys lie elsewhere than without Add
#
# Needs Go.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
go mod init example.test/rings 2>/dev/null
go get github.com/golang/groupcache@v0.0.0-20241129210726-2c02b8208cf8 stathat.com/c/consistent@v1.0.0 >get.log 2>&1 || { cat get.log; exit 1; }
cat >main.go <<'GO'
package main

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/golang/groupcache/consistenthash"
	"stathat.com/c/consistent"
)

const members, keys = 32, 100000

func owners(get func(string) string) []string {
	out := make([]string, keys)
	for k := range out {
		out[k] = get("user:" + strconv.Itoa(k))
	}
	return out
}

func groupcache(names []string) []string {
	m := consistenthash.New(50, nil)
	m.Add(names...)
	return owners(m.Get)
}

func ring(names []string) *consistent.Consistent {
	c := consistent.New()
	for _, n := range names {
		c.Add(n)
	}
	return c
}

func stathat(c *consistent.Consistent) []string {
	return owners(func(k string) string { n, _ := c.Get(k); return n })
}

func differ(a, b []string) (n int) {
	for i := range a {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}

func main() {
	for _, prefix := range []string{"", "shard-"} {
		var up []string
		for i := range members {
			up = append(up, prefix+strconv.Itoa(i))
		}
		down := slices.Clone(up)
		slices.Reverse(down)
		fmt.Printf("%s..%s: another order of adding moves %d (groupcache) and %d (stathat) of %d keys\n", up[0], up[members-1],
			differ(groupcache(up), groupcache(down)), differ(stathat(ring(up)), stathat(ring(down))), keys)
		left := ring(up)
		left.Remove(up[11])
		never := ring(slices.Delete(slices.Clone(up), 11, 12))
		fmt.Printf("%s..%s without %s: after Remove %d keys lie elsewhere than without Add\n", up[0], up[members-1], up[11], differ(stathat(left), stathat(never)))
	}
}
GO
go mod tidy >tidy.log 2>&1 || { cat tidy.log; exit 1; }
out=$(CGO_ENABLED=0 go run .)
echo "$out"
diff <(echo "$out") - <<'SEEN' || { echo "changed: see the first lines of this file"; exit 1; }
0..31: another order of adding moves 9145 (groupcache) and 1999 (stathat) of 100000 keys
0..31 without 11: after Remove 106 keys lie elsewhere than without Add
shard-0..shard-31: another order of adding moves 0 (groupcache) and 0 (stathat) of 100000 keys
shard-0..shard-31 without shard-11: after Remove 0 keys lie elsewhere than without Add
SEEN
