package redis_test

import (
	"testing"
	"time"

	"github.com/lapse-test/lapse/conformance"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/redis"
)

// TestPowerFailures: what the append-only file had synced survives, and nothing else does.
func TestPowerFailures(t *testing.T) {
	t.Parallel()
	conformance.Survive(t, conformance.Database{Target: redis.Target{}, Config: targets.Config{Nodes: 3}, Light: true}, conformance.Outage{
		Request: runs.Request{Workload: "set", Rate: 500, Duration: 8 * time.Second, FaultInterval: 5 * time.Second, FaultHold: time.Second},
		Model:   "set",
		Synced:  map[string]string{"appendfsync": "always"},
		Lax:     map[string]map[string]string{"everysec": {"appendfsync": "everysec"}},
	})
}
