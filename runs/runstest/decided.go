// Package runstest carries runs out for tests of targets.
package runstest

import (
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets/cluster"
)

// Decided plans r and carries it out with provider, and again for twice and for four times as long where there is too little
// evidence for a verdict on model: how much a busy machine does in a time is not what a test is about. What it returns
// may be inconclusive all the same. A run that cannot be made ends the test. It is called by the test's own goroutine.
func Decided(t *testing.T, r runs.Request, model string, provider cluster.Provider, env runs.Environment) *runs.Finished {
	t.Helper()
	for try := 1; ; try++ {
		planned, err := runs.Plan(t.Context(), r, env)
		if err != nil {
			t.Fatal(err)
		}
		done, err := runs.Run(t.Context(), planned, provider, "for the test", env)
		if err != nil {
			t.Fatal(err)
		}
		v, _ := done.Summary.ByModel(model)
		if v.Status != checkers.Inconclusive || try == 3 {
			return done
		}
		t.Logf("%s is inconclusive after %s of load, once more for twice as long: %v", model, r.Duration, v.Reasons)
		r.Duration *= 2
	}
}
