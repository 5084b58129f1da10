package history

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestAllDistinct: what allDistinct takes for distinct is so by a plain map, and it knows of
// what counters give.
func TestAllDistinct(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	edges := []Value{0, 1, -1, Absent, textBase, textBase + 5, math.MaxInt64, math.MaxInt64 - 1, math.MinInt64 + 130}
	told, reused := 0, 0
	for range 20000 {
		keys, values := 1+rng.IntN(4), 1+rng.IntN(40)
		base := edges[rng.IntN(len(edges))]
		type pair struct {
			k Key
			v Value
		}
		seen := map[pair]bool{}
		want := true
		var mops []Mop
		for range rng.IntN(12) {
			m := Mop{Func: []Func{Write, CAS, Append, Read, Remove, Delete}[rng.IntN(6)], Key: Key(rng.IntN(keys)), Arg: base + Value(rng.IntN(values))}
			if rng.IntN(40) == 0 {
				m.Arg, m.Key = edges[rng.IntN(len(edges))], []Key{-1, 3, 2000, math.MaxInt32}[rng.IntN(4)]
			}
			if m.Func.Installs() {
				want = want && !seen[pair{m.Key, m.Arg}]
				seen[pair{m.Key, m.Arg}] = true
			}
			mops = append(mops, m)
		}
		got := allDistinct(mops)
		if got && !want {
			t.Fatalf("taken for distinct: %+v", mops)
		}
		if got {
			told++
		}
		if !want {
			reused++
		}
	}
	if told < 5000 || reused < 2000 {
		t.Errorf("%d of 20,000 were told, %d reused values", told, reused)
	}
	var counters, perKey []Mop
	for i := range 1000 {
		counters = append(counters, Mop{Func: Write, Key: Key(i % 50), Arg: Value(i)})
		perKey = append(perKey, Mop{Func: Write, Key: Key(i % 50), Arg: 1<<40*Value(i%50) + Value(i/50)})
	}
	// The bits of every key would take more than is allowed: those of all keys do not, unless one value is far away.
	var sparse []Mop
	for i := range 1000 {
		sparse = append(sparse, Mop{Func: Write, Key: Key(i % 500), Arg: Value(i)})
	}
	if !allDistinct(sparse) {
		t.Error("a counter of all keys, of which each has two values: not told")
	}
	if allDistinct(append(sparse, Mop{Func: Write, Key: 500, Arg: 1 << 50})) {
		t.Error("told by more bits than are allowed")
	}
	if !allDistinct(counters) || !allDistinct(perKey) {
		t.Errorf("a counter of all keys: %v, counters of every key: %v", allDistinct(counters), allDistinct(perKey))
	}
}
