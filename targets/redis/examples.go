package redis

import (
	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/targets"
)

// examples are the cases of a first suite for one node or several.
func examples(nodes int) []targets.Example {
	list := []targets.Example{{
		Name: "primary", Write: writeNone, Reads: []string{readPrimary},
		Why: "Without a failover the primary has the newest of everything. What a failover loses\nis seen with faults, by workload session and model no-lost-writes.",
		Claims: []targets.ExampleClaim{
			{Model: models.Linearizable, Expect: targets.Holds},
			{Model: models.ReadYourWrites, Expect: targets.Holds},
		},
	}}
	if nodes == 1 {
		return list
	}
	return append(list, targets.Example{
		Name: "replicas", Write: writeNone, Reads: []string{readReplica}, Workload: "session", Rate: 4000, Concurrency: "12",
		Why: "Replicas are asynchronous, so that a session misses its own writes: the negative\n" +
			"control, which shows that the suite sees it. If your application relies on such reads\n" +
			"being fresh, write holds. A cluster of which no primary has a replica has no such reads.",
		Claims: []targets.ExampleClaim{{Model: models.ReadYourWrites, Expect: targets.Violated}},
	})
}
