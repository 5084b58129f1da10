package unique

import (
	"math/rand/v2"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/exhaust"
	"github.com/lapse-test/lapse/checkers/internal/seeds"
	"github.com/lapse-test/lapse/history"
)

// TestAgainstDefinition compares every pair of identifiers of random histories
// with the verdict, both ways.
func TestAgainstDefinition(t *testing.T) {
	t.Parallel()
	rounds := seeds.Choose(t, 3000)
	good, bad := 0, 0
	for seed := range rounds.All() {
		rng := rand.New(rand.NewPCG(seed, 0x1d5))
		var ops []exhaust.Op
		for i := range 2 + rng.IntN(6) {
			key := history.Key(rng.IntN(2))
			o := exhaust.Op{S: int32(i), From: history.Time(10 * i), To: history.Time(10*i + rng.IntN(30)), Mops: []exhaust.M{{F: history.Generate, K: key, R: history.Value(1 + rng.IntN(20))}}}
			switch rng.IntN(8) {
			case 0:
				o.Info = true
			case 1:
				o.Fail = true
			}
			ops = append(ops, o)
		}
		twice := 0 // identifiers that an answered operation got and an earlier one had
		for i, a := range ops {
			for _, b := range ops[:i] {
				if !a.Info && !a.Fail && !b.Info && !b.Fail && a.Mops[0].K == b.Mops[0].K && a.Mops[0].R == b.Mops[0].R {
					twice++
					break
				}
			}
		}
		v, err := New().Check(t.Context(), exhaust.Build(t, nil, ops...), checkers.Budget{})
		if err != nil {
			t.Fatal(err)
		}
		if v.Total != twice {
			t.Fatalf("seed %d: %d duplicates found, there are %d: %v", seed, v.Total, twice, ops)
		}
		if twice > 0 {
			bad++
		} else {
			good++
		}
	}
	t.Logf("%s: %d without duplicates, %d with", rounds, good, bad)
	if good == 0 || bad == 0 {
		t.Error("the histories are one-sided")
	}
}
