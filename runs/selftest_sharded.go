package runs

import (
	"time"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/nemesis/faults"
	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/workloads/named"
)

// shardedCases has a case for every defect of the store's mode sharded.
func shardedCases(duration time.Duration) []Case {
	// About one read in a thousand meets a write so closely that it shows, and a busy machine has a few hundred operations a second:
	// the load goes on until one has, and not for a time that is enough where nothing else runs.
	return []Case{
		{Defect: defect.UnlockReadsEarly.String(), Request: Request{
			Target: protocol.Name, Nodes: 3, Workload: named.Append, Models: models.StrictSerializable, Rate: 600, Concurrency: "3n",
			Duration: max(duration, seldom), StopOnViolation: true, OpTimeout: time.Second, Options: map[string]string{"mode": "sharded"},
		}},
		// A coordinator has to be cut off between the decision and the end of a transaction, for longer than a shard in doubt waits.
		{Defect: defect.AbortInDoubt.String(), Request: Request{
			Target: protocol.Name, Nodes: 3, Workload: named.Append, Models: models.StrictSerializable, Rate: 600, Concurrency: "10n",
			Faults: faults.PartitionOne, FaultInterval: 1600 * time.Millisecond, FaultHold: time.Second,
			Duration: max(duration, seldom), StopOnViolation: true, OpTimeout: time.Second, Options: map[string]string{"mode": "sharded"},
		}},
	}
}
