package linearizable

import (
	"testing"

	"github.com/lapse-test/lapse/checkers/internal/brute"
	"github.com/lapse-test/lapse/checkers/internal/gen"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/checkers/internal/seeds"
	"github.com/lapse-test/lapse/history"
)

func never() bool { return false }

func small(t *testing.T, seed uint64, ambiguous bool) (*history.History, *register.Key) {
	t.Helper()
	c := gen.Small(seed, ambiguous)
	if seed%5 < 2 {
		// Failed compare-and-sets and missing answers need the most care.
		c.CAS, c.Writes, c.Info, c.Ops = 0.5, 0.25, 0.3, c.Ops+2
		c.Lie /= 2
	}
	h, err := c.History(seed)
	if err != nil {
		t.Fatal(err)
	}
	k := &register.Key{}
	split(t, h).Load(0, k)
	return h, k
}

// TestAgainstBruteForce compares both algorithms with brute force.
func TestAgainstBruteForce(t *testing.T) {
	var s searcher
	var z zoner
	counts := map[bool]int{}
	zoned, missed, dropped := 0, 0, 0
	rounds := seeds.Choose(t, 6000)
	for seed := range rounds.All() {
		h, k := small(t, seed, seed%2 == 1)
		want := brute.Linearizable(k.Ops)
		counts[want]++
		if got := s.run(h, k, limits{stop: never}); (got == legal) != want {
			t.Errorf("seed %d: search says legal=%v, brute force %v\n%s", seed, got == legal, want, dump(h))
		}
		if k.Unique {
			zoned++
			c := z.decide(k, never)
			if c.fault != none && want || c.fault == none && !want && k.FailedCASes == 0 {
				t.Errorf("seed %d: zones say %v, brute force legal=%v\n%s", seed, c, want, dump(h))
			}
			if c.fault == none && k.FailedCASes > 0 {
				missed++
				dropFailedCASes(k, z.clusters)
				if k.FailedCASes == 0 {
					dropped++
				}
				if k.FailedCASes == 0 && !want {
					t.Errorf("seed %d: dropped a failed compare-and-set that mattered\n%s", seed, dump(h))
				}
			}
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("%s: %d legal, %d illegal, %d with unique values; of %d with failed compare-and-sets %d needed no search", rounds, counts[true], counts[false], zoned, missed, dropped)
	if counts[true] < counts[false]/10 || counts[false] < counts[true]/10 || zoned == 0 {
		t.Error("the histories are too much of one kind to test anything")
	}
}
