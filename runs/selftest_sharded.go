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
	return []Case{
		// Two transactions show it of which each has read what the other writes, and that reach two shards in opposite orders, before either has locked what it
		// writes there. Each write locks a key, which holds up all who read it: what shows it is transactions that read most keys and write one, and few of them at a time.
		{Defect: defect.UnlockReadsEarly.String(), Request: Request{
			Target: protocol.Name, Nodes: 3, Workload: named.TxnRegister, Models: models.StrictSerializable, Rate: 600, Concurrency: "2n",
			Weights: "skew=1", WorkloadOptions: map[string]string{"max-keys": "4"}, Keys: 4,
			Duration: max(duration, seldom), StopOnViolation: true, OpTimeout: 2 * time.Second, Options: map[string]string{"mode": "sharded", "shards": "3"},
		}},
		// A coordinator has to be cut off between the decision and the end of a transaction, for longer than a shard in doubt waits.
		{Defect: defect.AbortInDoubt.String(), Request: Request{
			Target: protocol.Name, Nodes: 3, Workload: named.Append, Models: models.StrictSerializable, Rate: 600, Concurrency: "10n",
			Faults: faults.PartitionOne, FaultInterval: 1600 * time.Millisecond, FaultHold: time.Second,
			Duration: max(duration, seldom), StopOnViolation: true, OpTimeout: time.Second, Options: map[string]string{"mode": "sharded"},
		}},
	}
}
