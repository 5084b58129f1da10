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

// The last line speaks of the seeds that were asked for, and says when it is about fewer runs.
func TestSummaryOfManySeeds(t *testing.T) {
	for _, c := range []struct {
		seeds       int
		interrupted bool
		want        string
	}{
		{20, false, "1 of 2 defects found within 1 min in at least 19 of 20 seeds, and the correct store never blamed (9 s)"},
		{3, false, "1 of 2 defects found within 1 min in at least 3 of 3 seeds, and the correct store never blamed (9 s)"},
		{1, false, "1 of 2 defects found within 1 min in at least 1 of 1 seed, and the correct store never blamed (9 s)"},
		{3, true, "interrupted before all runs with 3 seeds were over: until then 1 of 2 defects found within 1 min in at least 95 % of the seeds it had, and the correct store never blamed (9 s)"},
	} {
		if got := seedsSummary(1, 2, c.seeds, c.interrupted, 9*time.Second); got != c.want {
			t.Errorf("%d seeds:\n%s\nwant\n%s", c.seeds, got, c.want)
		}
	}
}
