package nats_test

import (
	"testing"
	"time"

	"github.com/lapse-test/lapse/conformance"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/nats"
)

// TestPowerFailures: what was synced before it was acknowledged survives; at the server's own
// sync_interval the stream has nothing of it.
func TestPowerFailures(t *testing.T) {
	t.Parallel()
	conformance.Survive(t, conformance.Database{Target: nats.Target{}, Config: targets.Config{Nodes: 3, Cache: nats.Built()}, Light: true}, conformance.Outage{
		Request: runs.Request{Workload: "register", Rate: 300, Duration: 14 * time.Second, FaultInterval: 10 * time.Second, FaultHold: 500 * time.Millisecond},
		Model:   "no-lost-writes",
		Synced:  map[string]string{"sync_interval": "always"},
		Lax:     map[string]map[string]string{"the server's own": {"sync_interval": "default"}},
	})
}
