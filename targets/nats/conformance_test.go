package nats_test

import (
	"testing"
	"time"

	"github.com/lapse-test/lapse/conformance"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/nats"
)

// TestConformance: what a majority acknowledged is there after kills of all nodes, and
// direct reads are old, in a bucket that is seconds old as in one of some age. On a
// machine that has nothing else to do, a replica is hardly ever behind without a fault;
// one that comes back from behind a cut is.
func TestConformance(t *testing.T) {
	killed := runs.Request{
		Workload: "session", Rate: 300, Duration: 18 * time.Second,
		Faults: "kill-all", FaultInterval: 14 * time.Second, FaultHold: 500 * time.Millisecond,
	}
	direct := runs.Request{Workload: "session", Rate: 800, Keys: 4, Duration: 12 * time.Second, ReadLevel: "direct", Faults: "partition"}
	conformance.Run(t, conformance.Database{
		Target: nats.Target{}, Light: true,
		Config:   targets.Config{Nodes: 3, Cache: nats.Built()},
		Held:     []conformance.Claim{{Name: "acknowledged writes, all nodes killed", Request: killed, Model: "no-lost-writes"}},
		Violated: []conformance.Claim{{Name: "direct reads", Request: direct, Model: "read-your-writes"}},
	})
}
