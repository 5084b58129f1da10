package runs

import (
	"time"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/workloads/named"
)

// shardedCases has a case for every defect of the store's mode sharded.
func shardedCases(duration time.Duration) []Case {
	return []Case{{Defect: defect.UnlockReadsEarly.String(), Request: Request{
		Target: protocol.Name, Nodes: 3, Workload: named.Append, Models: models.StrictSerializable, Rate: 600, Concurrency: "3n",
		Duration: max(duration, 8*time.Second), OpTimeout: time.Second, Options: map[string]string{"mode": "sharded"},
	}}}
}
