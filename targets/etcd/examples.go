package etcd

import (
	"time"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/nemesis/faults"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/workloads/named"
)

// examples are the cases of a first suite for one member or several.
func examples(info targets.Info) []targets.Example {
	list := []targets.Example{
		{
			Name: "linearizable", Write: writeQuorum, Reads: []string{readLinearizable},
			Claims: []targets.ExampleClaim{
				{Model: models.Linearizable, Expect: targets.Holds},
				{Model: models.ReadYourWrites, Expect: targets.Holds},
			},
		},
		{
			Name: "locks", Write: writeQuorum, Reads: []string{readLinearizable}, Workload: named.Lock,
			Why:    "A lock has two holders when one of them sleeps for longer than its lease: pause a\nclient, not a member, to see that.",
			Claims: []targets.ExampleClaim{{Model: models.Mutex, Expect: targets.Holds}},
		},
	}
	if info.DefaultNodes == 1 {
		return list
	}
	return append(list, targets.Example{
		Name: "serializable", Write: writeQuorum, Reads: []string{readSerializable}, Workload: named.Session, Rate: 1000,
		Why: "Reads of the member that is asked, which may be behind. How often is the members' load and\n" +
			"distance: idle ones may show none in this time, so that it is said and has no consequence. If your\n" +
			"application relies on such reads being fresh, write holds. At a member that is cut off they are\nstale for certain: the negative control at the end.",
		Claims: []targets.ExampleClaim{{Model: models.ReadYourWrites, Expect: targets.Reported}},
	}, targets.Example{
		Name: "control", Write: writeQuorum, Reads: []string{readSerializable}, Workload: named.Register, Rate: 300, Duration: 10 * time.Second, Faults: []string{faults.Partition},
		Why:    "The negative control: a member that is cut off answers serializable reads from what it has.\nIt proves that this suite sees what it looks for.",
		Claims: []targets.ExampleClaim{{Model: models.Linearizable, Expect: targets.Violated}},
	})
}
