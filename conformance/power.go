package conformance

import (
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/nemesis/faults"
	"github.com/lapse-test/lapse/runs"
)

// Outage is what a power failure of all nodes tells apart: two configurations of a database,
// of which one syncs what it acknowledges.
type Outage struct {
	// Request is the run; its faults are filled in. Model is what the run is about.
	Request runs.Request
	Model   string
	// Synced and Lax are options of the target, one setting apart; Lax is one a subtest.
	Synced map[string]string
	Lax    map[string]map[string]string
}

// Survive runs as subtests that the power fails: with what is synced the model holds, with
// each of the lax settings it does not.
func Survive(t *testing.T, d Database, o Outage) {
	t.Helper()
	run := func(name string, options map[string]string, want checkers.Status) {
		t.Run(name, func(t *testing.T) {
			if d.Light {
				t.Parallel()
			}
			c := Claim{Name: name, Request: o.Request, Model: o.Model}
			c.Request.Faults, c.Request.Options = faults.PowerFailureAll, options
			d.claim(t, c, want)
		})
	}
	run("synced", o.Synced, checkers.Held)
	for name, options := range o.Lax {
		run(name, options, checkers.Violated)
	}
}
