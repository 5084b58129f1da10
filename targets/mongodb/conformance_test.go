package mongodb_test

import (
	"testing"
	"time"

	"github.com/lapse-test/lapse/conformance"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/mongodb"
)

// TestConformance is of the client and of the stand-in, not of MongoDB: that what one
// process in memory holds while it is paused is linearizable, and gone when it is killed.
func TestConformance(t *testing.T) {
	run := runs.Request{
		Workload: "session", Concurrency: "4", Rate: 200, Duration: 6 * time.Second,
		Faults: "kill", FaultInterval: 3 * time.Second, FaultHold: 300 * time.Millisecond,
	}
	paused := run
	paused.Faults = "pause"
	conformance.Run(t, conformance.Database{
		Target: mongodb.Target{}, Config: targets.Config{Cache: mongodb.StandIn()}, Light: true,
		Held:     []conformance.Claim{{Name: "one process that is paused", Request: paused, Model: "linearizable"}},
		Violated: []conformance.Claim{{Name: "a store in memory that is killed", Request: run, Model: "no-lost-writes"}},
	})
}
