package etcd_test

import (
	"testing"
	"time"

	"github.com/lapse-test/lapse/conformance"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/etcd"
)

// partitioned is a run in which one member is cut off.
var partitioned = runs.Request{
	Workload: "register", Rate: 200, Duration: 10 * time.Second,
	Faults: "partition-one", FaultInterval: 6 * time.Second, FaultHold: 3 * time.Second,
}

// sleepers is a run with so many clients and locks that some paused client has one.
var sleepers = runs.Request{
	Workload: "lock", Concurrency: "12", Keys: 6, Rate: 120, Duration: 10 * time.Second,
	Faults: "pause-clients", FaultInterval: 5 * time.Second, FaultHold: 4 * time.Second,
}

// TestConformance: at one level what a cut-off member answers is old, at the other it
// is not, whatever else is broken; and a lock has two holders when one sleeps.
func TestConformance(t *testing.T) {
	t.Parallel()
	held, stale := partitioned, partitioned
	held.Faults, held.FaultInterval, held.FaultHold = "partition-one,kill,pause,membership", 4*time.Second, 2*time.Second
	held.Duration = 16 * time.Second
	stale.ReadLevel = "serializable"
	conformance.Run(t, conformance.Database{
		Target: etcd.Target{}, Light: true,
		Config: targets.Config{Nodes: 3},
		Held:   []conformance.Claim{{Name: "linearizable reads", Request: held, Model: "linearizable"}},
		Violated: []conformance.Claim{
			{Name: "serializable reads", Request: stale, Model: "linearizable"},
			{Name: "a lock whose holder sleeps", Request: sleepers, Model: "mutex"},
		},
	})
}
