package postgres

import (
	"os"
	"testing"
	"time"

	"github.com/lapse-test/lapse/conformance"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
)

// TestPowerFailures: a commit survives whose log was synced before it was acknowledged; a
// server that syncs nothing starts again, without what it had acknowledged. One failure is
// enough: after a second one such a server often does not start any more.
func TestPowerFailures(t *testing.T) {
	t.Parallel()
	conformance.Survive(t, conformance.Database{Target: Target{}, Config: targets.Config{Nodes: 1, Cache: os.Getenv(envCache)}, Light: true}, conformance.Outage{
		Request: runs.Request{Workload: "set", Nodes: 1, Rate: 500, Duration: 9 * time.Second, FaultInterval: 6 * time.Second, FaultHold: time.Second},
		Model:   "set",
		Lax:     map[string]map[string]string{"fsync=off": {"fsync": "off"}},
	})
}
