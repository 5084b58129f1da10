package nemesis

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lapse-test/lapse/targets/cluster"
)

// TestNodesThatCannotStart: a node that ends each time that it is started is given up with the reason, after a
// few starts rather than after all the time that healing may take. One that starts at last is not, nor one that somebody else
// may start.
func TestNodesThatCannotStart(t *testing.T) {
	const late = "(after 1 min 30 s)"
	for _, c := range []struct {
		name   string
		lies   lies
		fault  string
		says   string // in the reason; empty if it heals
		not    string // in none
		starts int    // at most
	}{
		{"it starts at once", lies{}, "kill", "", "", 1},
		{"it starts after some tries", lies{endsAtOnce: mostStarts - 1}, "kill", "", "", mostStarts},
		{"it never starts", lies{endsAtOnce: 1 << 30}, "kill", "was started 5 times and ended at once each time", late, 2 * mostStarts},
		{"it never starts on its hurt disk", lies{endsAtOnce: 1 << 30}, "power-failure", "was started 5 times and ended at once each time", late, 2 * mostStarts},
		{"the order to start it fails", lies{restartFails: true}, "kill", "data directory is broken (for 15 s, each time)", late, 0},
		{"the order to start it fails on its hurt disk", lies{restartFails: true}, "power-failure", "data directory is broken (for 15 s, each time)", late, 0},
		{"the order to start what somebody keeps fails", lies{restartFails: true, kept: true}, "kill", "data directory is broken) " + late, "each time", 0},
		{"it ends soon after each start", lies{endsSoon: true}, "kill", "its process has ended, and for 3 s nobody has started it", late, 2},
		{"it ends soon after each start, on its hurt disk", lies{endsSoon: true}, "power-failure", "its process has ended, and for 3 s nobody has started it", late, 2},
		{"it ends while others are started", lies{endsSoon: true, slowRestart: true}, "kill-all", "its process has ended, and for 3 s nobody has started it", late, 6},
		{"it lives and is not ready", lies{neverReady: true}, "kill", "starting up " + late, "nobody has", 1},
		{"somebody else may start it", lies{endsAtOnce: 1 << 30, kept: true}, "kill", "n2 is stopped) " + late, "times", 1 << 30},
		{"somebody else may start what ends soon", lies{endsSoon: true, kept: true}, "kill", "starting up " + late, "nobody has", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, _, o := carryOutOne(t, c.fault, c.lies)
				reasons := strings.Join(o.Reasons(), "\n")
				if c.says == "" {
					if len(o.Unhealed) > 0 || f.nodes[hit(f)].state != cluster.Running {
						t.Errorf("not healed: %s", reasons)
					}
				} else if !strings.Contains(reasons, c.says) {
					t.Errorf("it says %q, want %q", reasons, c.says)
				}
				if c.not != "" && strings.Contains(reasons, c.not) {
					t.Errorf("it says %q, with %q", reasons, c.not)
				}
				if f.starts < min(1, c.starts) || f.starts > c.starts {
					t.Errorf("%d starts, want some, at most %d", f.starts, c.starts)
				}
			})
		})
	}
}

// TestNothingBreaksAfterALoss: when a node was given up nothing more is broken, and that is told once.
func TestNothingBreaksAfterALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(3, lies{endsAtOnce: 1 << 30})
		plan := planFor(t, 3, 3, OneAtATime, "kill")
		s := f.scene()
		var told []string
		s.GaveUp = func(why string) { told = append(told, why) }
		o := s.run(t.Context(), plan)
		if o.Injected != 1 || len(plan.Steps) < 2 || len(o.Skipped) != len(plan.Steps)-1 || o.Skipped[0].Reason != errLost.Error() || len(o.Ineffective) > 0 {
			t.Errorf("of %d faults: %+v", len(plan.Steps), o)
		}
		if len(told) != 1 || !strings.Contains(told[0], "ended at once each time") {
			t.Errorf("told %q", told)
		}
	})
}

// hit is the node that fault 1 was done to.
func hit(f *fake) string {
	return slices.Concat(f.faults[1].Nodes, f.names)[0]
}
