package suite

import (
	"testing"
	"time"

	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/settings"
	"github.com/lapse-test/lapse/targets"
)

// counted is a target that no registry knows; its levels are counts if ok.
type counted struct {
	targets.Target
	ok      bool
	startup time.Duration
}

func (c counted) Info() targets.Info {
	return targets.Info{Name: "counted", Quorums: c, Startup: c.startup}
}
func (c counted) Counts(targets.Config) (n, w, r int, ok bool) { return 5, 3, 2, c.ok }
func (c counted) Cells(int, map[string]string) ([]targets.QuorumCell, error) {
	return nil, nil
}

// TestAnybodysLevels: conditions on W, R and N and the estimate are answered by
// what the target says of itself.
func TestAnybodysLevels(t *testing.T) {
	run := func(target targets.Target) *Cell {
		return &Cell{Planned: &runs.Planned{Target: target, Plan: &harness.Plan{Run: settings.Run{Duration: time.Minute}}}}
	}
	for when, want := range map[string]bool{"W+R>N": false, "W+R>=N": true, "2*W>N": true} {
		got, err := applies(&Claim{When: when}, run(counted{ok: true}))
		if err != nil || got != want {
			t.Errorf("%s: %t, %v", when, got, err)
		}
	}
	if _, err := applies(&Claim{When: "W+R>N"}, run(counted{ok: false})); err == nil {
		t.Error("W+R>N was decided for levels that are no counts")
	}
	for startup, want := range map[time.Duration]time.Duration{0: 70 * time.Second, 3 * time.Second: 63 * time.Second} {
		if got := run(counted{startup: startup}).Estimate(); got != want {
			t.Errorf("a start of %s: estimate %s, want %s", startup, got, want)
		}
	}
}
