package postgres

import (
	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/workloads/named"
)

// examples are the cases of a first suite for one node or several.
func examples(info targets.Info) []targets.Example {
	followed := ""
	if info.DefaultNodes > 1 {
		followed = "Whoever takes the writes is found and followed, so that a failover manager (Patroni,\n" +
			"repmgr) may move it, if every node that it can promote is among the addresses. What a\n" +
			"failover loses is seen with faults (operator below), by workload session and model\n" +
			"no-lost-writes; on a Patroni of lapse's own: lapse run --target postgres --set failover=patroni."
	}
	list := []targets.Example{
		{
			Name: "primary", Write: "on", Reads: []string{readPrimary}, Why: followed,
			Claims: []targets.ExampleClaim{
				{Model: models.Linearizable, Expect: targets.Holds},
				{Model: models.ReadYourWrites, Expect: targets.Holds},
			},
		},
		{
			Name: "transactions", Write: "on", Reads: []string{readPrimary},
			Options: map[string]string{optIsolation: "repeatable read"}, Workload: named.Append, Rate: 600, Concurrency: "8",
			Claims: []targets.ExampleClaim{
				{Model: models.SnapshotIsolation, Expect: targets.Holds},
				{
					Model: models.Serializable, Expect: targets.Violated,
					Why: "The negative control, write skew, which this level lets through: it proves\nthat this suite sees what it looks for.",
				},
			},
		},
	}
	if info.DefaultNodes == 1 {
		return list
	}
	return append(list, targets.Example{
		Name: "standbys", Write: "on", Reads: []string{readReplica, readAny, readSticky, readWaitForLSN}, Workload: named.Session, Rate: 400,
		Why: "What the standbys among the addresses offer. Reads of a standby may be late unless\n" +
			"every commit waits until it has applied it (remote_apply). How often is the load and the\n" +
			"distance: idle ones may show none in this time, so that it is said and has no\n" +
			"consequence. If your application relies on such reads being fresh, write holds, and\n" +
			"the gate says whether they are.",
		Claims: []targets.ExampleClaim{
			{Model: models.ReadYourWrites, Read: readReplica, Expect: targets.Reported},
			{Model: models.ReadYourWrites, Read: readAny, Expect: targets.Reported},
			{Model: models.ReadYourWrites, Read: readSticky, Expect: targets.Holds, Why: "The primary for 5 s after the session's own write, then a standby."},
			{Model: models.ReadYourWrites, Read: readWaitForLSN, Expect: targets.Holds, Why: "A standby, once it has replayed the session's own last commit."},
		},
	})
}
