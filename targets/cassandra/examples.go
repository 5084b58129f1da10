package cassandra

import (
	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/workloads/named"
)

// examples are the cases of a first suite for one node or several.
func examples(nodes int) []targets.Example {
	list := []targets.Example{
		{
			Name: "quorum", Write: "QUORUM", Reads: []string{"QUORUM"}, Workload: named.Session, Rate: 400,
			Claims: []targets.ExampleClaim{{Model: models.ReadYourWrites, Expect: targets.Holds}},
		},
		{
			Name: "lightweight-transactions", Write: "SERIAL", Reads: []string{"SERIAL"},
			Claims: []targets.ExampleClaim{{Model: models.Linearizable, Expect: targets.Holds}},
		},
	}
	if nodes == 1 {
		return list
	}
	return append(list, targets.Example{
		Name: "one", Write: "ONE", Reads: []string{"ONE"}, Workload: named.Session, Rate: 1000,
		Why: "A read of one replica may miss what another one acknowledged. On an idle cluster that\n" +
			"is rare, so that this is said and has no consequence. If your application relies on\nsuch reads being fresh, write holds; to have a negative control, add a fault.",
		Claims: []targets.ExampleClaim{{Model: models.ReadYourWrites, Expect: targets.Reported}},
	})
}
