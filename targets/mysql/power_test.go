package mysql_test

import (
	"testing"
	"time"

	"github.com/lapse-test/lapse/conformance"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/mysql"
)

// TestPowerFailures: a commit survives whose redo log was synced before it was acknowledged, and
// others do not. Of a binary log that is not synced it is too few commits for a test: the last
// group of them.
func TestPowerFailures(t *testing.T) {
	t.Parallel()
	conformance.Survive(t, conformance.Database{Target: mysql.Target{}, Config: targets.Config{Nodes: 1}, Light: true}, conformance.Outage{
		Request: runs.Request{Workload: "set", Nodes: 1, Rate: 500, Duration: 10 * time.Second, FaultInterval: 5 * time.Second, FaultHold: time.Second},
		Model:   "set",
		Lax:     map[string]map[string]string{"the redo log is not synced": {"innodb_flush_log_at_trx_commit": "2"}},
	})
}
