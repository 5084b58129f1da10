package main

import (
	"testing"
	"time"

	"github.com/lapse-test/lapse/runs"
)

// What a self-test is said to take grows with its runs, and shrinks with how many are made at once.
func TestEstimateOfASelftest(t *testing.T) {
	one := []runs.Case{{Request: runs.Request{Duration: 6 * time.Second}}}
	both := []runs.Case{one[0], {Request: runs.Request{Duration: 10 * time.Second, Settle: 3 * time.Second}}}
	for _, c := range []struct {
		cases           []runs.Case
		seeds, parallel int
		want            time.Duration
	}{
		{one, 1, 1, 20 * time.Second},
		{both, 1, 1, 54 * time.Second},
		{both, 20, 1, 20 * 54 * time.Second},
		{both, 20, 4, 5 * 54 * time.Second},
	} {
		if got := estimateSeeds(c.cases, runs.Seeded{Seeds: c.seeds, Parallel: c.parallel}); got != c.want {
			t.Errorf("%d cases with %d seeds, %d at once: %s, want %s", len(c.cases), c.seeds, c.parallel, got, c.want)
		}
	}
	if got := estimate(both); got != 54*time.Second {
		t.Errorf("without seeds: %s", got)
	}
}
