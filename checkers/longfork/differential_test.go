package longfork

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/exhaust"
	"github.com/lapse-test/lapse/checkers/internal/seeds"
	"github.com/lapse-test/lapse/history"
)

// TestAgainstEveryOrder looks for one order of the writes of a group of which
// every read saw a beginning, by trying all: there is one exactly if there is no
// long fork.
func TestAgainstEveryOrder(t *testing.T) {
	t.Parallel()
	rounds := seeds.Choose(t, 3000)
	good, bad := 0, 0
	for seed := range rounds.All() {
		rng := rand.New(rand.NewPCG(seed, 0xf0))
		keys := 2 + rng.IntN(3)
		order := rng.Perm(keys)
		var ops []exhaust.Op
		for k := range keys {
			ops = append(ops, exhaust.Op{S: int32(k), From: history.Time(k), To: 100, Info: rng.IntN(5) == 0, Mops: []exhaust.M{{F: history.Write, K: history.Key(k), A: history.Value(k + 1)}}})
		}
		var reads [][]bool // which keys a read that counts saw
		for i := range 2 + rng.IntN(4) {
			saw := make([]bool, keys)
			for _, k := range order[:rng.IntN(keys+1)] {
				saw[k] = true
			}
			if rng.IntN(3) == 0 {
				k := rng.IntN(keys)
				saw[k] = !saw[k]
			}
			o := exhaust.Op{S: int32(100 + i), From: history.Time(i), To: history.Time(i + 1), Fail: rng.IntN(6) == 0}
			for _, k := range rng.Perm(keys) {
				m := exhaust.M{F: history.Read, K: history.Key(k), R: none}
				if saw[k] {
					m.R = history.Value(k + 1)
				}
				o.Mops = append(o.Mops, m)
			}
			ops = append(ops, o)
			if !o.Fail {
				reads = append(reads, saw)
			}
		}
		want := anyOrder(make([]int, 0, keys), keys, reads)
		v, err := New().Check(t.Context(), exhaust.Build(t, nil, ops...), checkers.Budget{})
		if err != nil {
			t.Fatal(err)
		}
		if (v.Status != checkers.Violated) != want {
			t.Fatalf("seed %d: %s, but an order exists: %v (reads %v)", seed, v.Status, want, reads)
		}
		if want {
			good++
		} else {
			bad++
		}
	}
	t.Logf("%s: %d with one order, %d with forks", rounds, good, bad)
	if good == 0 || bad == 0 {
		t.Error("the histories are one-sided")
	}
}

// anyOrder tells whether order can be completed so that all reads saw beginnings.
func anyOrder(order []int, keys int, reads [][]bool) bool {
	if len(order) == keys {
		for _, saw := range reads {
			missed := false
			for _, k := range order {
				if saw[k] && missed {
					return false
				}
				missed = missed || !saw[k]
			}
		}
		return true
	}
	for k := range keys {
		if !slices.Contains(order, k) && anyOrder(append(order, k), keys, reads) {
			return true
		}
	}
	return false
}
