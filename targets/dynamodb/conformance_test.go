package dynamodb_test

import (
	"testing"
	"time"

	"github.com/lapse-test/lapse/conformance"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/dynamodb"
)

func TestConformance(t *testing.T) {
	run := runs.Request{
		Workload: "session", Concurrency: "4", Rate: 200, Duration: 10 * time.Second,
		Faults: "kill", FaultInterval: 5 * time.Second, FaultHold: 300 * time.Millisecond,
	}
	paused, forgets := run, run
	paused.Faults = "pause"
	forgets.Options = map[string]string{"storage": "memory"}
	conformance.Run(t, conformance.Database{
		Target: dynamodb.Target{}, Light: true,
		Config:   targets.Config{Cache: dynamodb.Software()},
		Held:     []conformance.Claim{{Name: "strong reads of a store on disk", Request: paused, Model: "linearizable"}},
		Violated: []conformance.Claim{{Name: "a store in memory", Request: forgets, Model: "no-lost-writes"}},
	})
}
