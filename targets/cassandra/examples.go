package cassandra

import (
	"time"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/nemesis/faults"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/workloads/named"
)

// examples are the cases of a first suite for one node or several.
func examples(info targets.Info) []targets.Example {
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
	if info.DefaultNodes == 1 {
		return list
	}
	return append(list, targets.Example{
		Name: "one", Write: "ONE", Reads: []string{"ONE"}, Workload: named.Session, Rate: 1000,
		Why: "A read of one replica may miss what another one acknowledged. On an idle cluster that\n" +
			"is rare, so that this is said and has no consequence. If your application relies on\nsuch reads being fresh, write holds; the\nnegative control at the end needs a fault.",
		Claims: []targets.ExampleClaim{{Model: models.ReadYourWrites, Expect: targets.Reported}},
	}, targets.Example{
		Name: "control", Write: "ONE", Reads: []string{"ONE"}, Workload: named.Session, Rate: 400, Duration: 12 * time.Second, Faults: []string{faults.Partition},
		Why:    "The negative control: a replica that is cut off takes writes at ONE that the others do not have.\nIt proves that this suite sees what it looks for.",
		Claims: []targets.ExampleClaim{{Model: models.ReadYourWrites, Expect: targets.Violated}},
	})
}
