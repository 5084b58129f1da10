package cluster

import (
	"math"
	"slices"
	"testing"
	"time"
)

// TestQuality: what a link can be like, and what a network must be able to do for it; each
// refused one differs in one value from one that is taken.
func TestQuality(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		q     Quality
		needs []Capability
		bad   bool
	}{
		{Quality{}, nil, false},
		{Quality{Delay: 10 * ms}, []Capability{HoldsBack}, false},
		{Quality{Delay: -ms}, nil, true},
		{Quality{Delay: 10 * ms, Jitter: 10 * ms}, []Capability{HoldsBack}, false},
		{Quality{Delay: 10 * ms, Jitter: 11 * ms}, nil, true},
		{Quality{Rate: 1}, []Capability{HoldsBack}, false},
		{Quality{Rate: -1}, nil, true},
		{Quality{Loss: 1}, []Capability{Loses}, false},
		{Quality{Loss: 1.01}, nil, true},
		{Quality{Loss: -0.01}, nil, true},
		{Quality{Loss: math.NaN()}, nil, true},
		{Quality{Loss: 0.5, Burst: ms}, []Capability{Loses}, false},
		{Quality{Loss: 1, Burst: ms}, nil, true},
		{Quality{Burst: ms}, nil, true},
		{Quality{Loss: 0.5, Burst: -ms}, nil, true},
		{Quality{Duplicate: 1}, []Capability{Duplicates}, false},
		{Quality{Duplicate: 2}, nil, true},
		{Quality{Delay: ms, Reorder: 1}, []Capability{HoldsBack, Reorders}, false},
		{Quality{Reorder: 1}, nil, true},
		{Quality{Delay: ms, Reorder: -1}, nil, true},
		{Quality{Delay: ms, Loss: 0.1, Duplicate: 0.1}, []Capability{HoldsBack, Loses, Duplicates}, false},
	} {
		if err := c.q.Check(); (err != nil) != c.bad {
			t.Errorf("%+v: %v, want an error: %v", c.q, err, c.bad)
		}
		if got := c.q.Needs(); !c.bad && !slices.Equal(got, c.needs) {
			t.Errorf("%+v needs %v, want %v", c.q, got, c.needs)
		}
	}
}
