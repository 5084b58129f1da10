package mongodb

import (
	"time"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/nemesis/faults"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/workloads/named"
)

// examples are the cases of a first suite for one server or several.
func examples(info targets.Info) []targets.Example {
	if info.DefaultNodes == 1 {
		return []targets.Example{{
			Name: "one-server", Write: majority, Reads: []string{local},
			Claims: []targets.ExampleClaim{
				{Model: models.Linearizable, Expect: targets.Holds},
				{Model: models.ReadYourWrites, Expect: targets.Holds},
			},
		}}
	}
	return []targets.Example{
		{
			Name: "linearizable", Write: majority, Reads: []string{linearizable},
			Claims: []targets.ExampleClaim{{Model: models.Linearizable, Expect: targets.Holds}},
		},
		{
			Name: "causal-sessions", Write: majority, Reads: []string{majority + ":" + nearest},
			Options: map[string]string{optSession: sessionCausal}, Workload: named.Session, Rate: 400,
			Claims: []targets.ExampleClaim{
				{Model: models.ReadYourWrites, Expect: targets.Holds},
				{Model: models.MonotonicReads, Expect: targets.Holds},
			},
		},
		{
			Name: "secondaries", Write: "1", Reads: []string{local + ":" + secondary}, Workload: named.Session, Rate: 400,
			Why: "Secondaries may be behind. How often is their load and distance: idle ones may show none in\n" +
				"this time, so that it is said and has no consequence. If your application relies on such reads\nbeing fresh, write holds, and the gate says whether they are.",
			Claims: []targets.ExampleClaim{{Model: models.ReadYourWrites, Expect: targets.Reported}},
		},
		{
			Name: "control", Write: "1", Reads: []string{local + ":" + secondary}, Workload: named.Session, Rate: 400,
			Duration: 12 * time.Second, Faults: []string{faults.Partition},
			Why:    "The negative control: a secondary that is cut off answers from what it has.\nIt proves that this suite sees what it looks for.",
			Claims: []targets.ExampleClaim{{Model: models.ReadYourWrites, Expect: targets.Violated}},
		},
	}
}
