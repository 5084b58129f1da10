package etcd_test

import (
	"testing"
	"time"

	"github.com/lapse-test/lapse/conformance"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/etcd"
)

// TestConformance: at one level what a cut-off member answers is old, at the other it
// is not, whatever else is broken.
func TestConformance(t *testing.T) {
	run := runs.Request{
		Workload: "register", Rate: 200, Duration: 10 * time.Second,
		Faults: "partition-one", FaultInterval: 6 * time.Second, FaultHold: 3 * time.Second,
	}
	held, stale := run, run
	held.Faults, held.FaultInterval, held.FaultHold = "partition-one,kill,pause", 4*time.Second, 2*time.Second
	stale.ReadLevel = "serializable"
	conformance.Run(t, conformance.Database{
		Target:   etcd.Target{},
		Config:   targets.Config{Nodes: 3},
		Held:     []conformance.Claim{{Name: "linearizable reads", Request: held, Model: "linearizable"}},
		Violated: []conformance.Claim{{Name: "serializable reads", Request: stale, Model: "linearizable"}},
	})
}
