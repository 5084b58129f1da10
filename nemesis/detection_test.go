package nemesis

import (
	"slices"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/cluster"
)

// TestFaultsOutlastTheDetection: where there is time, schedules have faults on both
// sides of the database's failure detection, whatever else is drawn.
func TestFaultsOutlastTheDetection(t *testing.T) {
	for _, c := range []struct {
		name           string
		detection, run time.Duration
		mode           Mode
		faults         []string
		beyond, below  bool
	}{
		{name: "a member voted out after 6.5 s", detection: 6500 * time.Millisecond, run: 30 * time.Second, faults: []string{"partition", "kill", "pause"}, beyond: true, below: true},
		{name: "an election after 2 s", detection: 2 * time.Second, run: 30 * time.Second, faults: []string{"partition-one"}, beyond: true, below: true},
		{name: "a conviction after 18 s", detection: 18 * time.Second, run: time.Minute, faults: []string{"partition"}, beyond: true, below: true},
		{name: "two at a time", detection: 5 * time.Second, run: time.Minute, mode: Mixed, faults: []string{"partition-one", "pause"}, beyond: true, below: true},
		{name: "no time for one that outlasts it", detection: 18 * time.Second, run: 20 * time.Second, faults: []string{"partition"}, below: true},
		{name: "every fault outlasts it", detection: 300 * time.Millisecond, run: 30 * time.Second, faults: []string{"partition"}, beyond: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(50) {
				cfg := Config{Seed: seed, Faults: c.faults, Nodes: cluster.NodeNames(3), Abilities: everything, Duration: c.run, Mode: c.mode,
					Detection: history.Detection{After: c.detection, By: "a test"}}
				s, err := NewSchedule(cfg)
				if err != nil {
					t.Fatal(err)
				}
				again, _ := NewSchedule(cfg)
				if written(t, s) != written(t, again) {
					t.Fatalf("seed %d gave two plans", seed)
				}
				beyond := slices.ContainsFunc(s.Steps, func(st Step) bool { return st.Hold > c.detection })
				below := slices.ContainsFunc(s.Steps, func(st Step) bool { return st.Hold < c.detection })
				if beyond != c.beyond || below != c.below {
					t.Errorf("seed %d: beyond %v, below %v: %+v", seed, beyond, below, s.Steps)
				}
				if s.Detection == nil || s.Detection.After != c.detection {
					t.Errorf("seed %d: the schedule does not keep the detection", seed)
				}
			}
		})
	}
}

// TestWhatIsNoticedOutlasts: the places that outlast the detection go to faults that
// the database can find out, not to a moved clock.
func TestWhatIsNoticedOutlasts(t *testing.T) {
	for seed := range uint64(50) {
		s, err := NewSchedule(Config{Seed: seed, Faults: []string{"clock", "kill"}, Nodes: cluster.NodeNames(3), Abilities: everything, Duration: 30 * time.Second,
			Detection: history.Detection{After: 4 * time.Second}})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(s.Steps, func(st Step) bool { return st.Fault == "kill" && st.Hold > 4*time.Second }) {
			t.Errorf("seed %d: no kill outlasts it: %+v", seed, s.Steps)
		}
	}
}

// TestDetectionLeavesWhatWasAskedFor: the user's times stand, and where nothing is
// detected schedules are what they always were.
func TestDetectionLeavesWhatWasAskedFor(t *testing.T) {
	cfg := Config{Seed: 7, Faults: []string{"partition", "kill"}, Nodes: cluster.NodeNames(3), Abilities: everything, Duration: time.Minute, Hold: 2 * time.Second, Interval: 5 * time.Second}
	plain, err := NewSchedule(cfg)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Detection.After = 10 * time.Second
	detected, err := NewSchedule(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if detected.Detection = nil; written(t, plain) != written(t, detected) {
		t.Errorf("--fault-hold 2s: %+v, with a detection %+v", plain.Steps, detected.Steps)
	}
}

// TestNoticed: a clock that is moved, and clients that are cut off, no node can find out; who leaves in order needs not
// be found out. A history knows faults by their kind, so that all of a kind must agree.
func TestNoticed(t *testing.T) {
	got := Noticed()
	for kind, want := range map[string]bool{familyPartition: true, "kill": true, "pause": true, familyClock: false, familyClients: false, familyLimit: false, "lag": false,
		familyPower: true, familyMembership: false, familyStop: false, familyOrder: false, familyEvict: false, familyReschedule: false} {
		if slices.Contains(got, kind) != want {
			t.Errorf("%s is noticed: %v", kind, !want)
		}
	}
	of := map[string]Info{}
	for _, k := range catalogue() {
		if o, ok := of[k.Kind]; ok && o.Detected != k.Detected {
			t.Errorf("%s is detected: %t, %s, of the same kind %s, %t", k.Name, k.Detected, o.Name, k.Kind, o.Detected)
		}
		of[k.Kind] = k.Info
		if k.Detected && k.grip != onLinks && k.grip != onProcess {
			t.Errorf("%s is detected, and takes neither links nor processes", k.Name)
		}
	}
}
