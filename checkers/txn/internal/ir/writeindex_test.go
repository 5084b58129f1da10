package ir

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/lapse-test/lapse/history"
)

// TestWriteIndex: the table of values that stand together and the slots of any values find what a map finds, and refuse what
// comes twice.
func TestWriteIndex(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		keys, n := 1+rng.IntN(20), rng.IntN(300)
		value := []func(i int) history.Value{
			func(i int) history.Value { return history.Value(i / keys) },
			func(i int) history.Value { return history.Value(i/keys) + math.MaxInt64 - 500 },
			func(i int) history.Value { return history.Value(i/keys) - 20 },
			func(int) history.Value { return history.Value(rng.Uint64()) },
			func(int) history.Value { return []history.Value{math.MinInt64, math.MaxInt64, -1, 0}[rng.IntN(4)] },
		}[rng.IntN(5)]
		b := history.NewBuilder(history.Header{Source: "test", Initial: history.Absent})
		var all []history.Mop
		for i := range n {
			all = append(all, history.Mop{Func: history.Write, Key: history.Key(rng.IntN(keys)), Arg: value(i)})
			b.AddPlain(history.Op{Complete: 1, Process: int32(i), Session: int32(i), Outcome: history.OK, Error: -1, Note: -1, Node: -1}, all[i])
		}
		h, err := b.History()
		if err != nil {
			t.Fatal(err)
		}
		x := newWriteIndex(h, n, keys)
		want := map[history.Mop]int32{}
		for i, m := range all {
			_, twice := want[m]
			if x.add(m.Key, m.Arg, int32(i)) == twice {
				t.Fatalf("seed %d: %s of key %d is there: %v", seed, m.Arg, m.Key, twice)
			}
			if !twice {
				want[m] = int32(i)
			}
		}
		for _, m := range all {
			for _, d := range []history.Value{-1, 0, 1, math.MaxInt64, math.MinInt64} {
				ask := m
				ask.Arg += d
				id, ok := want[ask]
				if !ok {
					id = -1
				}
				if got := x.Find(ask.Key, ask.Arg); got != id {
					t.Fatalf("seed %d: %s of key %d is %d, want %d", seed, ask.Arg, ask.Key, got, id)
				}
			}
		}
	}
}

// TestWriteIndexTakesNoMoreThanSlots: each of many keys has values that stand close enough together by themselves, and all of them are too many places for a table.
func TestWriteIndexTakesNoMoreThanSlots(t *testing.T) {
	for _, tt := range []struct {
		keys  int
		apart history.Value
		table bool
	}{{1, 1000, true}, {100, 1000, false}, {100, 10, true}} {
		b := history.NewBuilder(history.Header{Source: "test", Initial: history.Absent})
		for i := range 2 * tt.keys {
			m := history.Mop{Func: history.Write, Key: history.Key(i / 2), Arg: history.Value(i%2) * tt.apart}
			b.AddPlain(history.Op{Complete: 1, Process: int32(i), Session: int32(i), Outcome: history.OK, Error: -1, Note: -1, Node: -1}, m)
		}
		h, err := b.History()
		if err != nil {
			t.Fatal(err)
		}
		if x := newWriteIndex(h, 2*tt.keys, tt.keys); (x.ranges != nil) != tt.table || len(x.table) > 2*2*tt.keys+1024 {
			t.Errorf("%d keys with values %d apart: a table: %v, of %d places", tt.keys, tt.apart, x.ranges != nil, len(x.table))
		}
	}
}
