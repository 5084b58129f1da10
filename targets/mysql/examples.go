package mysql

import (
	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/workloads/named"
)

// examples are the cases of a first suite for one node or several.
func examples(info targets.Info) []targets.Example {
	list := []targets.Example{
		{
			Name: "primary", Write: writeDefault, Reads: []string{readPrimary},
			Why: "One node takes the writes. Where every node does (Galera, group replication), a read\nof another one than the writer's may be late: say report here, or name one node.",
			Claims: []targets.ExampleClaim{
				{Model: models.Linearizable, Expect: targets.Holds},
				{Model: models.ReadYourWrites, Expect: targets.Holds},
			},
		},
		{
			Name: "transactions", Write: writeDefault, Reads: []string{readPrimary},
			Options: map[string]string{optIsolation: repeatableRead}, Workload: named.Append, Rate: 600, Concurrency: "8",
			Claims: []targets.ExampleClaim{{
				Model: models.Serializable, Expect: targets.Violated,
				Why: "The negative control: this level lets it through, which proves that this suite\nsees what it looks for.",
			}},
		},
	}
	if info.DefaultNodes == 1 {
		return list
	}
	return append(list, targets.Example{
		Name: "replicas", Write: writeDefault, Reads: []string{readReplica, readAny, readSticky}, Workload: named.Session, Rate: 400,
		Why: "What the replicas among the addresses offer. Reads of one may be late, unless commits wait\n" +
			"until it has applied them. How often is the load and the distance: idle ones may show none in this\n" +
			"time, so that it is said and has no consequence. If your application relies on such reads being\nfresh, write holds, and the gate says whether they are.",
		Claims: []targets.ExampleClaim{
			{Model: models.ReadYourWrites, Read: readReplica, Expect: targets.Reported},
			{Model: models.ReadYourWrites, Read: readAny, Expect: targets.Reported},
			{Model: models.ReadYourWrites, Read: readSticky, Expect: targets.Holds, Why: "The primary for 5 s after the session's own write, then a replica."},
		},
	})
}
