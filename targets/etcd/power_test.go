package etcd_test

import (
	"testing"
	"time"

	"github.com/lapse-test/lapse/conformance"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/etcd"
)

// TestPowerFailures: what a majority has synced survives, and members that sync nothing have
// forgotten it together.
func TestPowerFailures(t *testing.T) {
	t.Parallel()
	conformance.Survive(t, conformance.Database{Target: etcd.Target{}, Config: targets.Config{Nodes: 3}, Light: true}, conformance.Outage{
		Request: runs.Request{Workload: "set", Rate: 200, Duration: 8 * time.Second, FaultInterval: 5 * time.Second, FaultHold: time.Second},
		Model:   "set",
		Lax:     map[string]map[string]string{"unsafe_no_fsync": {"unsafe_no_fsync": "true"}},
	})
}
