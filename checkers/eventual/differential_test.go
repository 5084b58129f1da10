package eventual

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/seeds"
	"github.com/lapse-test/lapse/history"
)

// TestSound compares with a search over every way in which one value that all
// replicas have, and the late effects of writes without an answer, explain the
// final reads: what can be explained is never called diverged.
func TestSound(t *testing.T) {
	t.Parallel()
	rounds := seeds.Choose(t, 3000)
	good, bad, missed := 0, 0, 0
	for seed := range rounds.All() {
		rng := rand.New(rand.NewPCG(seed, 0xe7))
		var steps []step
		var open []history.Value
		values := 1 + rng.IntN(4)
		for i := range values {
			s := write(history.Time(10+10*i), history.Value(i+1))
			if rng.IntN(2) == 0 && i > 0 {
				s.info = true
				open = append(open, history.Value(i+1))
			}
			steps = append(steps, s)
		}
		var reads []step
		for i := range 2 + rng.IntN(4) {
			reads = append(reads, read(history.Time(110+rng.IntN(6)+4*i), int16(i%3), history.Value(1+rng.IntN(values))))
		}
		slices.SortStableFunc(reads, func(a, b step) int { return int(a.at - b.at) })
		want := false
		for i := range values {
			base := history.Value(i + 1)
			later := slices.DeleteFunc(slices.Clone(open), func(v history.Value) bool { return v == base })
			want = want || explained(base, later, reads)
		}
		v, err := New().Check(t.Context(), build(t, append(steps, reads...)), checkers.Budget{})
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case want && v.Status != checkers.Held:
			t.Fatalf("seed %d: %s %v, but late effects explain all reads: %v", seed, v.Status, v.Violations, append(steps, reads...))
		case want:
			good++
		default:
			bad++
			if v.Status != checkers.Violated {
				missed++
			}
		}
	}
	t.Logf("%s: %d explained, %d not, of which %d were not found", rounds, good, bad, missed)
	if good == 0 || bad == 0 || missed == bad {
		t.Error("the histories are one-sided")
	}
}

// explained tells whether reads can be put in an order, that of real time where
// they do not overlap, in which each returns the value at that moment: now at
// first, and later one after the other of those in open.
func explained(now history.Value, open []history.Value, reads []step) bool {
	if len(reads) == 0 {
		return true
	}
	for i, r := range reads {
		if slices.ContainsFunc(reads, func(o step) bool { return o.at+5 < r.at }) {
			continue // another one has to come first
		}
		if r.mop.Ret == now && explained(now, open, slices.Delete(slices.Clone(reads), i, i+1)) {
			return true
		}
	}
	for i, v := range open {
		if v != now && explained(v, slices.Delete(slices.Clone(open), i, i+1), reads) {
			return true
		}
	}
	return false
}
