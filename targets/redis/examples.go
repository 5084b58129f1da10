package redis

import (
	"time"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/nemesis/faults"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/workloads/named"
)

// examples are the cases of a first suite for one node or several.
func examples(info targets.Info) []targets.Example {
	list := []targets.Example{{
		Name: "primary", Write: writeNone, Reads: []string{readPrimary},
		Why: "Without a failover the primary has the newest of everything. What a failover loses\nis seen with faults, by workload session and model no-lost-writes.",
		Claims: []targets.ExampleClaim{
			{Model: models.Linearizable, Expect: targets.Holds},
			{Model: models.ReadYourWrites, Expect: targets.Holds},
		},
	}}
	if info.DefaultNodes == 1 {
		return list
	}
	return append(list, targets.Example{
		Name: "replicas", Write: writeNone, Reads: []string{readReplica, readAny}, Workload: named.Session, Rate: 4000, Concurrency: "12",
		Why: "Replicas are asynchronous, so that a session may miss its own writes. Where nothing else\n" +
			"is to do that is rare (0 of 7,987 reads on an idle machine, hundreds on a busy one), so\n" +
			"that it is said and has no consequence. If your application relies on such reads being\n" +
			"fresh, write holds. A cluster of which no primary has a replica has no such reads.",
		Claims: []targets.ExampleClaim{{Model: models.ReadYourWrites, Expect: targets.Reported}},
	}, targets.Example{
		Name: "control", Write: writeNone, Reads: []string{readReplica}, Workload: named.Session, Rate: 800, Duration: 12 * time.Second, Faults: []string{faults.Partition},
		Why:    "The negative control: a replica that is cut off answers from what it has for a while.\nIt proves that this suite sees what it looks for.",
		Claims: []targets.ExampleClaim{{Model: models.ReadYourWrites, Expect: targets.Violated}},
	})
}
