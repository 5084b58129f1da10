package nats

import (
	"time"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/nemesis/faults"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/workloads/named"
)

// examples are the cases of a first suite for one server or several.
func examples(info targets.Info) []targets.Example {
	list := []targets.Example{{
		Name: "leader", Write: writeAck, Reads: []string{readLeader}, Workload: named.Session, Rate: 1000,
		Claims: []targets.ExampleClaim{
			{Model: models.NoLostWrites, Expect: targets.Holds},
			{Model: models.ReadYourWrites, Expect: targets.Holds, Why: "Not promised while the leader changes."},
		},
	}}
	if info.DefaultNodes == 1 {
		return list
	}
	return append(list, targets.Example{
		Name: "direct", Write: writeAck, Reads: []string{readDirect}, Workload: named.Session, Rate: 1500, Concurrency: "12",
		Why: "Reads of any replica, what clients do by default where the bucket allows it. On idle\nservers a replica is rarely behind, so that this is said and has no consequence. If your\n" +
			"application relies on such reads being fresh, write holds.",
		Claims: []targets.ExampleClaim{{Model: models.ReadYourWrites, Expect: targets.Reported}},
	}, targets.Example{
		Name: "control", Write: writeAck, Reads: []string{readDirect}, Workload: named.Session, Rate: 800, Duration: 12 * time.Second, Faults: []string{faults.Partition},
		Why:    "The negative control: a replica that is cut off answers direct reads from what it has.\nIt proves that this suite sees what it looks for.",
		Claims: []targets.ExampleClaim{{Model: models.ReadYourWrites, Expect: targets.Violated}},
	})
}
