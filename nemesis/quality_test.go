package nemesis

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

// TestSlowBetweenRegions: where links are long all the time, longer than any fault makes
// them, slow links are seen to be slower than that and to be as they were.
func TestSlowBetweenRegions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(3, lies{farApart: true})
		o := f.scene().run(t.Context(), planFor(t, 3, 3, OneAtATime, "slow"))
		if o.Injected == 0 || o.TookEffect != o.Injected || o.Healed != o.Injected {
			t.Errorf("outcome %+v", o)
		}
		f.whole(t)
	})
}

// TestQualityOfAStep: a step of a written schedule says what its links are like, and that is
// what its fault is for; the schedule knows what links must be able to do for it.
func TestQualityOfAStep(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		fault string
		q     *cluster.Quality
		says  string // in the error
		needs []cluster.Trait
	}{
		{"loss", &cluster.Quality{Loss: 0.1}, "", []cluster.Trait{cluster.Loses}},
		{"loss", &cluster.Quality{Loss: 0.1, Delay: ms}, "", []cluster.Trait{cluster.Loses, cluster.HoldsBack}},
		{"loss", &cluster.Quality{Delay: ms}, "must make links lose packets", nil},
		{"loss", &cluster.Quality{}, "must have a quality", nil},
		{"loss", nil, "must have a quality", nil},
		{"loss", &cluster.Quality{Loss: 1.1}, "shares from 0 to 1", nil},
		{"loss-bursts", &cluster.Quality{Loss: 0.2, Burst: ms}, "", []cluster.Trait{cluster.Loses}},
		{"slow", &cluster.Quality{Delay: ms}, "", []cluster.Trait{cluster.HoldsBack}},
		{"slow", &cluster.Quality{Loss: 0.1}, "must make links hold back", nil},
		{"duplicate", &cluster.Quality{Duplicate: 1}, "", []cluster.Trait{cluster.Duplicates}},
		{"duplicate", &cluster.Quality{Loss: 1}, "must make links send packets twice", nil},
		{"reorder", &cluster.Quality{Delay: ms, Reorder: 0.5}, "", []cluster.Trait{cluster.HoldsBack, cluster.Reorders}},
		{"reorder", &cluster.Quality{Delay: ms}, "must make links let packets overtake", nil},
	} {
		s := Schedule{Version: 1, Mode: OneAtATime, Nodes: cluster.NodeNames(2), Faults: []string{c.fault},
			Steps: []Step{{At: time.Second, Hold: time.Second, Fault: c.fault, Nodes: []string{"n1"}, Quality: c.q}}}
		err := s.Validate()
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s with %+v: %v, want %q", c.fault, c.q, err, c.says)
		}
		if got := s.Shaping(); c.says == "" && !slices.Equal(got, c.needs) {
			t.Errorf("%s with %+v needs %v, want %v", c.fault, c.q, got, c.needs)
		}
	}
}
