package mysql

import (
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/wallclock"
)

// TestClock: the server's own answer to what time it is moves, also over a kill, and comes
// back.
func TestClock(t *testing.T) {
	d := deploy(t, targets.Config{Nodes: 1, ReadLevel: readPrimary, Clocks: true})
	for _, want := range []time.Duration{5 * time.Second, -30 * time.Second, 250 * time.Millisecond, 0} {
		got, err := d.BendClock(d.ctx, "n1", want)
		must(t, err)
		if got != want {
			t.Errorf("the clock is off by %v, want %v", got, want)
		}
	}
	must(t, d.Nodes[0].Kill(d.ctx))
	must(t, d.StepClock(d.ctx, "n1", -30*time.Second))
	must(t, d.Restart(d.ctx, "n1"))
	d.allReady()
	if got, err := d.ReadClock(d.ctx, "n1"); err != nil || (got+30*time.Second).Abs() > wallclock.Slack {
		t.Errorf("started again, the clock is off by %v (%v), want -30s", got, err)
	}
	if got, err := d.BendClock(d.ctx, "n1", 0); got != 0 || err != nil {
		t.Errorf("put right, it is off by %v (%v)", got, err)
	}
}
