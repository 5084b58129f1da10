package mysql_test

import (
	"testing"
	"time"

	"github.com/lapse-test/lapse/conformance"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets/mysql"
)

// TestConformance is for the default topology, at one pair of levels: the other levels,
// and the other topology, have tests of their own that need fewer starts.
func TestConformance(t *testing.T) {
	t.Parallel()
	lagging := runs.Request{
		Workload: "session", Rate: 200, Duration: 8 * time.Second, ReadLevel: "replica",
		Faults: "lag", FaultInterval: 4 * time.Second, FaultHold: 2 * time.Second,
	}
	waiting := lagging
	waiting.ReadLevel = "wait-for-gtid"
	conformance.Run(t, conformance.Database{
		Target: mysql.Target{}, Light: true,
		Levels:   []conformance.Levels{{Read: "max-lag", Write: "AFTER_COMMIT"}},
		Held:     []conformance.Claim{{Name: "reads that wait for the session's own write", Request: waiting, Model: "read-your-writes"}},
		Violated: []conformance.Claim{{Name: "reads at a replica", Request: lagging, Model: "read-your-writes"}},
	})
}
