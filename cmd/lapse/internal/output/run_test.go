package output

import (
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs"
)

// TestNextStep: what to do next follows from what is missing. More load gives more evidence, and mends no node.
func TestNextStep(t *testing.T) {
	trouble := []nemesis.Trouble{{Name: "kill n1", Reason: "n1 was started 5 times and ended at once each time"}}
	for _, c := range []struct {
		name   string
		status checkers.Status
		exit   int
		faults nemesis.Tally
		want   string
	}{
		{"held", checkers.Held, verdict.ExitHeld, nemesis.Tally{}, "--until-violated 20"},
		{"violated", checkers.Violated, verdict.ExitViolated, nemesis.Tally{}, "--until-violated 5"},
		{"violated, and a node was given up", checkers.Violated, verdict.ExitViolated, nemesis.Tally{Unhealed: trouble}, "--until-violated 5"},
		{"too little evidence", checkers.Inconclusive, verdict.ExitInconclusive, nemesis.Tally{}, "a longer --duration"},
		{"a node was given up", checkers.Inconclusive, verdict.ExitInconclusive, nemesis.Tally{Unhealed: trouble}, "in runs/r1/nodes"},
		{"a fault took no effect", checkers.Inconclusive, verdict.ExitInconclusive, nemesis.Tally{Ineffective: trouble}, "in runs/r1/nodes"},
		{"a node was found stopped", checkers.Inconclusive, verdict.ExitInconclusive, nemesis.Tally{Unexpected: trouble}, "in runs/r1/nodes"},
		{"a fault was left out", checkers.Inconclusive, verdict.ExitInconclusive, nemesis.Tally{Skipped: trouble}, "a longer --duration"},
		{"the environment", checkers.Inconclusive, verdict.ExitEnvironment, nemesis.Tally{}, "mend what the result names"},
	} {
		f := &runs.Finished{Dir: store.Dir{Path: "runs/r1", ID: "r1"}}
		f.Report.Faults = c.faults
		f.Summary.Status, f.Summary.Exit = c.status, &verdict.Exit{Code: c.exit}
		got := nextStep(f)
		if !strings.Contains(got, c.want) || strings.Contains(got, "a longer") != strings.Contains(c.want, "a longer") {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
