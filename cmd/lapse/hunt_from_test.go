package main

import (
	"testing"

	"github.com/lapse-test/lapse/hunt"
	"github.com/lapse-test/lapse/results/verdict"
)

// TestFromExit: a violation that was seen, and not as often as was asked for, is none that the plan which is left is known to show.
func TestFromExit(t *testing.T) {
	for _, c := range []struct {
		rate, need hunt.Share
		want       int
	}{
		{hunt.Share{Hits: 8, Of: 8}, hunt.Share{Hits: 8, Of: 10}, verdict.ExitViolated},
		{hunt.Share{Hits: 7, Of: 8}, hunt.Share{Hits: 8, Of: 10}, verdict.ExitInconclusive},
		{hunt.Share{Hits: 2, Of: 3}, hunt.Share{Hits: 2, Of: 10}, verdict.ExitViolated},
		{hunt.Share{Hits: 0, Of: 3}, hunt.Share{Hits: 8, Of: 10}, verdict.ExitInconclusive},
		{hunt.Share{}, hunt.Share{}, verdict.ExitInconclusive},
	} {
		res := &hunt.Result{Findings: []*hunt.Finding{{Kind: hunt.Kind{Model: "linearizable"}, Shrunk: &hunt.Shrunk{Rate: c.rate, Need: c.need, Found: c.rate}}}}
		if got := fromExit(res, nil); got.Code != c.want {
			t.Errorf("%v where %v is asked for: exit %d (%s), want %d", c.rate, c.need, got.Code, got.Reason, c.want)
		}
	}
}
