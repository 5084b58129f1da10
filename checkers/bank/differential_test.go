package bank

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/exhaust"
	"github.com/lapse-test/lapse/checkers/internal/seeds"
	"github.com/lapse-test/lapse/history"
)

// TestSound compares with all balances that any subset of the transfers in any
// order leads to: a read of one of those is never blamed.
func TestSound(t *testing.T) {
	t.Parallel()
	rounds := seeds.Choose(t, 3000)
	good, bad, missed := 0, 0, 0
	for seed := range rounds.All() {
		rng := rand.New(rand.NewPCG(seed, 0xba))
		var transfers []exhaust.M
		ops := []exhaust.Op{open(1, 0), open(3, 1)}
		for i := range 1 + rng.IntN(4) {
			m := exhaust.M{F: history.Transfer, E: history.Value(1 + rng.IntN(9))}
			m.K = history.Key(rng.IntN(2))
			m.A = history.Value(1 - m.K)
			o := exhaust.Op{S: int32(10 + i), From: 5, To: 20, Mops: []exhaust.M{m}, Info: rng.IntN(5) == 0}
			o.Fail = !o.Info && rng.IntN(5) == 0
			if ops = append(ops, o); !o.Fail {
				transfers = append(transfers, m)
			}
		}
		possible := reachable([2]history.Value{10, 10}, transfers)
		want := true
		for i := range 1 + rng.IntN(3) {
			at := possible[rng.IntN(len(possible))]
			if rng.IntN(3) == 0 {
				at[rng.IntN(2)] += history.Value(rng.IntN(7) - 3)
			}
			if rng.IntN(8) == 0 { // errors that cancel out are not found
				at[0]++
				at[1]--
			}
			if !slices.Contains(possible, at) {
				want = false
			}
			ops = append(ops, read(history.Time(30+2*i), at[0], at[1]))
		}
		v, err := New().Check(t.Context(), exhaust.Build(t, attr, ops...), checkers.Budget{})
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case want && v.Status == checkers.Violated:
			t.Fatalf("seed %d: blamed for %v, but every read is of balances that some of the transfers lead to: %v", seed, v.Violations, ops)
		case want:
			good++
		default:
			bad++
			if v.Status != checkers.Violated {
				missed++
			}
		}
	}
	t.Logf("%s: %d possible, %d not, of which %d were not found", rounds, good, bad, missed)
	if good == 0 || bad == 0 || missed == bad {
		t.Error("the histories are one-sided")
	}
}

// reachable are the balances that transfers that a bank allows lead to from at.
func reachable(at [2]history.Value, left []exhaust.M) [][2]history.Value {
	out := [][2]history.Value{at}
	for i, m := range left {
		next := at
		next[m.K] -= m.E
		next[m.A] += m.E
		if next[m.K] < 0 {
			continue
		}
		for _, b := range reachable(next, slices.Delete(slices.Clone(left), i, i+1)) {
			if !slices.Contains(out, b) {
				out = append(out, b)
			}
		}
	}
	return out
}
