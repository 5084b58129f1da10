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

// TestQualitiesTogether: a link has one quality at a time, so that no two steps that give it one are drawn to be on together, and written ones are
// refused. To reset connections, and to have links come and go, goes with any of them, and so do the links to clients.
func TestQualitiesTogether(t *testing.T) {
	slow, loss := &cluster.Quality{Delay: time.Millisecond}, &cluster.Quality{Loss: 0.1}
	step := func(fault, node string, q *cluster.Quality) Step {
		return Step{At: time.Second, Hold: 2 * time.Second, Fault: fault, Nodes: []string{node}, Quality: q}
	}
	for _, c := range []struct {
		a, b    Step
		refused string
	}{
		{step("slow", "n1", slow), step("loss", "n2", loss), "step 2: loss begins while step 1 (slow) is on, and both would have the quality of the links of n1 in hand"},
		{step("slow", "n1", slow), step("slow-clients", "n1", slow), ""},
		{step("loss-clients", "n1", loss), step("slow-clients", "n1", slow), "the quality of the links to clients of n1"},
		{step("loss-clients", "n1", loss), step("slow-clients", "n2", slow), ""},
		{step("slow", "n1", slow), step("reset", "n1", nil), ""},
		{step("slow", "n1", slow), step("flap", "n1", nil), ""},
		{step("reset", "n1", nil), step("flap", "n1", nil), ""},
		{step("reset", "n1", nil), step("reset", "n1", nil), "the connections of n1"},
		{step("reset", "n1", nil), step("reset", "n2", nil), ""},
	} {
		cfg := Config{Nodes: cluster.NodeNames(3), Abilities: everything, Duration: 10 * time.Second}
		s := Schedule{Version: scheduleVersion, Mode: Mixed, Nodes: cfg.Nodes, Duration: cfg.Duration, Faults: []string{c.a.Fault, c.b.Fault}, Steps: []Step{c.a, c.b}}
		_, err := Take(s, cfg)
		if (err != nil) != (c.refused != "") || err != nil && !strings.Contains(err.Error(), c.refused) {
			t.Errorf("%s of %v and %s of %v: %v, want %q", c.a.Fault, c.a.Nodes, c.b.Fault, c.b.Nodes, err, c.refused)
		}
		s.Mode = OneAtATime
		if _, err := Take(s, cfg); err != nil {
			t.Errorf("%s and then %s: %v", c.a.Fault, c.b.Fault, err)
		}
		s.Mode, s.Steps[1].At = Mixed, 4*time.Second
		if _, err := Take(s, cfg); err != nil {
			t.Errorf("%s and later %s: %v", c.a.Fault, c.b.Fault, err)
		}
		if c.refused != "" {
			continue
		}
		synctest.Test(t, func(t *testing.T) {
			s.Steps[1].At = time.Second + time.Millisecond
			f := newFake(3, lies{})
			if o := f.scene().run(t.Context(), s); o.TookEffect != 2 || o.Healed != 2 {
				t.Errorf("%s and %s together: %+v", c.a.Fault, c.b.Fault, o)
			}
			f.whole(t)
		})
	}
	for seed := range uint64(30) {
		s := planFor(t, 3, seed, Mixed, "slow", "loss", "throttle", "duplicate", "loss-clients", "slow-clients", "reset", "flap")
		for i := range s.Steps {
			for j := range s.Steps[:i] {
				a, b := &s.Steps[j], &s.Steps[i]
				if c, both := common(claimsOfStep(s.Nodes, a), claimsOfStep(s.Nodes, b)); both && b.At < a.At+a.Hold {
					t.Errorf("seed %d: %s and %s are on together, and claim %v", seed, a.Fault, b.Fault, c)
				}
			}
		}
	}
}

// TestQualityOfAStep: a step of a written schedule says what its links are like, and that is
// what its fault is for; the schedule knows what links must be able to do for it.
func TestQualityOfAStep(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		fault string
		q     *cluster.Quality
		says  string // in the error
		needs []cluster.Capability
	}{
		{"loss", &cluster.Quality{Loss: 0.1}, "", []cluster.Capability{cluster.Loses}},
		{"loss", &cluster.Quality{Loss: 0.1, Delay: ms}, "", []cluster.Capability{cluster.Loses, cluster.HoldsBack}},
		{"loss", &cluster.Quality{Delay: ms}, "must need links on which lapse can lose packets", nil},
		{"loss", &cluster.Quality{}, "must have a quality", nil},
		{"loss", nil, "must have a quality", nil},
		{"loss", &cluster.Quality{Loss: 1.1}, "shares from 0 to 1", nil},
		{"loss-bursts", &cluster.Quality{Loss: 0.2, Burst: ms}, "", []cluster.Capability{cluster.Loses}},
		{"slow", &cluster.Quality{Delay: ms}, "", []cluster.Capability{cluster.HoldsBack}},
		{"slow", &cluster.Quality{Loss: 0.1}, "must need links on which lapse can hold back", nil},
		{"duplicate", &cluster.Quality{Duplicate: 1}, "", []cluster.Capability{cluster.Duplicates}},
		{"duplicate", &cluster.Quality{Loss: 1}, "must need links on which lapse can send packets twice", nil},
		{"reorder", &cluster.Quality{Delay: ms, Reorder: 0.5}, "", []cluster.Capability{cluster.HoldsBack, cluster.Reorders}},
		{"reorder", &cluster.Quality{Delay: ms}, "must need links on which lapse can let packets overtake", nil},
	} {
		s := Schedule{Version: 1, Mode: OneAtATime, Nodes: cluster.NodeNames(2), Faults: []string{c.fault},
			Steps: []Step{{At: time.Second, Hold: time.Second, Fault: c.fault, Nodes: []string{"n1"}, Quality: c.q}}}
		err := s.Validate()
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s with %+v: %v, want %q", c.fault, c.q, err, c.says)
		}
		if got := s.Capabilities(); c.says == "" && !slices.Equal(got, c.needs) {
			t.Errorf("%s with %+v needs %v, want %v", c.fault, c.q, got, c.needs)
		}
	}
}

// TestQualityProofs: what befell one packet is told as of one, and what befell none is no proof.
func TestQualityProofs(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		q          cluster.Quality
		h          cluster.Held
		want, says string
	}{
		{cluster.Quality{Delay: ms}, cluster.Held{Packets: 1, Bytes: 52, Waited: 34 * ms}, "1 packet of the database was held back, together 52 bytes, for 34 ms on average", ""},
		{cluster.Quality{Rate: 1}, cluster.Held{Packets: 2, Bytes: 1, Waited: 34 * ms}, "2 packets of the database were held back, together 1 byte, for 17 ms on average", ""},
		{cluster.Quality{Rate: 1}, cluster.Held{}, "", "nothing of the database was held back on the links of n1"},
		{cluster.Quality{Loss: 0.1}, cluster.Held{Lost: 1, Passed: 1200}, "1 packet of the database was lost, and 1,200 arrived", ""},
		{cluster.Quality{Loss: 0.1}, cluster.Held{Lost: 3, Passed: 1}, "3 packets of the database were lost, and 1 arrived", ""},
		{cluster.Quality{Loss: 1}, cluster.Held{Lost: 3}, "3 packets of the database were lost, and 0 arrived", ""},
		{cluster.Quality{Loss: 0.1}, cluster.Held{Lost: 3}, "", "nothing of the database arrived on"},
		{cluster.Quality{Loss: 0.1}, cluster.Held{Passed: 3}, "", "nothing of the database was lost on the links of n1: 3 packets arrived there"},
		{cluster.Quality{Duplicate: 1}, cluster.Held{Twice: 1}, "1 packet of the database arrived twice", ""},
		{cluster.Quality{Duplicate: 1}, cluster.Held{Twice: 2}, "2 packets of the database arrived twice", ""},
		{cluster.Quality{Duplicate: 1}, cluster.Held{Passed: 2}, "", "nothing of the database arrived twice on the links of n1: 2 packets arrived there"},
		{cluster.Quality{Reorder: 0.1}, cluster.Held{Overtook: 1}, "1 packet of the database overtook others", ""},
		{cluster.Quality{Reorder: 0.1}, cluster.Held{Passed: 1}, "", "nothing of the database overtook anything on"},
		{cluster.Quality{Reorder: 0.1, Delay: ms}, cluster.Held{Overtook: 2, Packets: 1, Bytes: 9, Waited: ms},
			"1 packet of the database was held back, together 9 bytes, for 1 ms on average; 2 packets of the database overtook others", ""},
	} {
		got, err := (&shaped{node: "n1", quality: c.q}).befell(c.h)
		if text := strings.Join(got, "; "); text != c.want {
			t.Errorf("%+v of %+v: %q, want %q", c.h, c.q, text, c.want)
		}
		if (err != nil) != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v of %+v: %v, want %q", c.h, c.q, err, c.says)
		}
	}
	for n, want := range map[int64]string{1: "1 connection of n1 was reset until then", 2000: "2,000 connections of n1 were reset until then"} {
		if got := resetText(n, "n1"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
