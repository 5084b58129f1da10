package nemesis

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

// What is drawn is a schedule that may be given: a plan that is stored is validated before it is replayed. Every fault is drawn with others.
func TestDrawnSchedulesAreValid(t *testing.T) {
	const seeds = 2000
	r := rand.New(rand.NewPCG(20261201, 0))
	steps := 0
	var all []string
	for _, f := range All() {
		if f.Removal == "" { // what starts nodes anew by itself is not there
			all = append(all, f.Name)
		}
	}
	for seed := range uint64(seeds) {
		faults := slices.Clone(all)
		r.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
		faults = faults[:1+r.IntN(len(faults))]
		mode := OneAtATime
		if r.IntN(4) > 0 {
			mode = Mixed
		}
		cfg := Config{Seed: seed, Faults: faults, Nodes: cluster.NodeNames(5), Abilities: everything, Duration: time.Duration(10+r.IntN(110)) * time.Second, Mode: mode}
		s, err := NewSchedule(cfg)
		if err != nil {
			t.Fatalf("seed %d, %v: %v", seed, faults, err)
		}
		if err := s.Validate(); err != nil {
			t.Errorf("seed %d, %s, %v: %v", seed, mode, faults, err)
		}
		steps += len(s.Steps)
	}
	if steps < 10*seeds {
		t.Errorf("%d steps drawn for %d schedules, want more to look at", steps, seeds)
	}
}
