package quorumkv

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/nemesis/faults"
	"github.com/lapse-test/lapse/quorumkv/consensus"
	"github.com/lapse-test/lapse/quorumkv/leaderless"
	"github.com/lapse-test/lapse/quorumkv/multileader"
	"github.com/lapse-test/lapse/quorumkv/sharded"
	"github.com/lapse-test/lapse/quorumkv/singleleader"
	"github.com/lapse-test/lapse/targets"
	workloads "github.com/lapse-test/lapse/workloads/named"
)

// examples are the cases of a first suite for nodes in a mode, which is the default of info's option. It stands in each case, with the settings that the claims rest on: with
// others they would claim what is not so, and the run refuses.
func examples(info targets.Info) []targets.Example {
	has := map[string]string{}
	for _, o := range info.Options {
		has[o.Name] = o.Default
	}
	if has[optReplication] == "" {
		has[optReplication] = strconv.Itoa(min(3, info.DefaultNodes))
	}
	list := map[string]func(has map[string]string) []targets.Example{
		leaderless.Mode: leaderlessExamples, consensus.Mode: raftExamples, singleleader.Mode: singleLeaderExamples,
		multileader.Mode: multiLeaderExamples, sharded.Mode: shardedExamples,
	}[has[optMode]](has)
	for i := range list {
		list[i].Options = map[string]string{optMode: has[optMode]}
		if has[optMode] == leaderless.Mode {
			list[i].Options[optTimestamps], list[i].Options[optReadRepair] = has[optTimestamps], has[optReadRepair]
		}
		list[i] = asPromised(list[i], targets.Config{Nodes: info.DefaultNodes, WriteLevel: list[i].Write, Options: has})
	}
	if info.DefaultNodes == 1 {
		return slices.DeleteFunc(list, func(e targets.Example) bool { return len(e.Faults) > 0 || e.Name == replicasCase })
	}
	return list
}

// asPromised has no claim to hold that nodes with these settings do not promise, as without fencing or fsync: it is said, and has no consequence. What is neither promised nor denied
// follows from linearizable, where that is known.
func asPromised(e targets.Example, cfg targets.Config) targets.Example {
	downgraded := false
	for i := range e.Claims {
		for _, read := range e.Reads {
			cfg.ReadLevel = read
			promised := New().Promises(cfg, []history.Func{history.Read, history.Write})
			holds, known := promised[e.Claims[i].Model]
			if !known {
				linearizable, known := promised[models.Linearizable]
				holds = linearizable || !known
			}
			if !holds && e.Claims[i].Expect == targets.Holds {
				e.Claims[i].Expect, downgraded = targets.Reported, true
			}
		}
	}
	if downgraded {
		e.Why = strings.TrimPrefix(e.Why+"\nNodes with these settings do not promise all of it: that is said and has no consequence.", "\n")
	}
	return e
}

// replicasCase reads where another node may have more; it says nothing of one node. controlCase is the negative control: it is there where a node that is
// cut off, and those on the other side, answer for certain by themselves, so that it is seen in every run.
const (
	replicasCase = "replicas"
	controlCase  = "control"
)

// behind is why such a case has no consequence.
const behind = "A node that is asked may be behind. On idle nodes that is rare, so that it is said and has no\nconsequence. If your application relies on such reads being fresh, write holds."

// cutOff is the negative control: the cut breaks model at these levels for certain.
func cutOff(write, read, workload, model, why string) targets.Example {
	return targets.Example{
		Name: controlCase, Write: write, Reads: []string{read}, Workload: workload, Rate: 400, Duration: 12 * time.Second, Faults: []string{faults.Partition},
		Why:    "The negative control: " + why + "\nIt proves that this suite sees what it looks for.",
		Claims: []targets.ExampleClaim{{Model: model, Expect: targets.Violated}},
	}
}

func fresh(name, write string, reads ...string) targets.Example {
	return targets.Example{Name: name, Write: write, Reads: reads, Claims: []targets.ExampleClaim{
		{Model: models.Linearizable, Expect: targets.Holds}, {Model: models.ReadYourWrites, Expect: targets.Holds},
	}}
}

func stale(write string, reads ...string) targets.Example {
	return targets.Example{Name: replicasCase, Write: write, Reads: reads, Workload: workloads.Session, Rate: 1000, Why: behind,
		Claims: []targets.ExampleClaim{{Model: models.ReadYourWrites, Expect: targets.Reported}}}
}

// leaderlessExamples: where W+R > N a read meets the last acknowledged write, and may still prefer an older one with a larger timestamp, unless
// timestamps come from a quorum too.
func leaderlessExamples(has map[string]string) []targets.Example {
	expect, why := targets.Reported, "Reads meet the last acknowledged write, but which of two is newer is decided by the clocks of\ncoordinators: two writes within a millisecond may change places. Nodes with write_timestamps=quorum\nleave nothing to clocks: write holds."
	if has[optTimestamps] == "quorum" {
		expect, why = targets.Holds, ""
	}
	list := []targets.Example{{
		Name: "quorum", Write: "QUORUM", Reads: []string{"QUORUM", "ALL"}, Workload: workloads.Session, Rate: 400, Why: why,
		Claims: []targets.ExampleClaim{{Model: models.ReadYourWrites, Expect: expect}},
	}}
	n, err := strconv.Atoi(has[optReplication])
	if err != nil || n == 1 {
		return list // ONE is ALL
	}
	list = append(list, stale("ONE", "ONE"))
	switch {
	case has[optTimestamps] != "quorum":
		// Reads stop at one holder where that is the level of writes, also with read_repair=blocking.
		return append(list, cutOff("ONE", "ONE", workloads.Session, models.ReadYourWrites, "a replica that is cut off takes writes at ONE that the others do not have."))
	case has[optReadRepair] != "blocking" && n > 2:
		return append(list, cutOff("QUORUM", "ONE", workloads.Session, models.ReadYourWrites, "a replica that is cut off answers reads at ONE without what the others have written."))
	}
	// A write asks more nodes for versions than it waits for, or a read leaves more of them with what it returns: cut off they refuse, and nothing is old for certain.
	list[len(list)-1].Why += "\nThere is no negative control here: with " + optTimestamps + "=quorum and this " + optReadRepair + " a node that is\ncut off refuses what it would answer wrongly, so that stale reads are a matter of moments."
	return list
}

func raftExamples(map[string]string) []targets.Example {
	return []targets.Example{
		fresh("majority", consensus.LevelMajority, consensus.LevelReadIndex, consensus.LevelLease), stale(consensus.LevelMajority, consensus.LevelFollower, consensus.LevelMaxLag),
		cutOff(consensus.LevelMajority, consensus.LevelFollower, workloads.Register, models.Linearizable, "a node that is cut off answers reads at follower from what it has."),
	}
}

// singleLeaderExamples: at async a failover, which a busy machine may bring about, loses writes; that is for a suite with faults.
func singleLeaderExamples(map[string]string) []targets.Example {
	return []targets.Example{
		fresh("leader", singleleader.LevelSemiSync, singleleader.LevelLeader),
		stale(singleleader.LevelSemiSync, singleleader.LevelFollower, singleleader.LevelMaxLag, readSticky),
		cutOff(singleleader.LevelSemiSync, singleleader.LevelFollower, workloads.Register, models.Linearizable, "a follower that is cut off answers from what it has."),
	}
}

// multiLeaderExamples: nobody promises fresh reads; all come to have the same.
func multiLeaderExamples(map[string]string) []targets.Example {
	return []targets.Example{
		{
			Name: "converge", Write: multileader.LevelLeader, Reads: multileader.ReadLevels(), Workload: workloads.Register, Rate: 1000, // for enough keys that final reads can tell
			Why:    "Regions tell each other what was written after they acknowledged it: in the end all have the same.",
			Claims: []targets.ExampleClaim{{Model: models.Eventual, Expect: targets.Holds}},
		},
		stale(multileader.LevelLeader, multileader.ReadLevels()...),
		cutOff(multileader.LevelLeader, multileader.LevelLeader, workloads.Session, models.ReadYourWrites, "a region that is cut off takes writes that the others do not have."),
	}
}

// shardedExamples: of transactions there is a control alone where they need not be atomic, and that is a matter of load.
func shardedExamples(has map[string]string) []targets.Example {
	across := targets.Example{Name: "transactions", Write: consensus.LevelMajority, Reads: []string{consensus.LevelReadIndex}, Workload: workloads.Append}
	way := sharded.Transactions(has[optTransactions])
	keys := fresh("keys", consensus.LevelMajority, consensus.LevelReadIndex)
	switch {
	case way == sharded.TwoPhaseCommit || has[optShards] == "1":
		across.Claims = []targets.ExampleClaim{{Model: models.StrictSerializable, Expect: targets.Holds}}
	default:
		across.Why = "Nodes with " + optTransactions + "=" + string(way) + " may show a transaction across shards half done. How often is a matter of\nload, so that it is said and has no consequence. Nodes with " + optTransactions + "=" + string(sharded.TwoPhaseCommit) + ": write holds."
		across.Claims = []targets.ExampleClaim{{Model: models.StrictSerializable, Expect: targets.Reported}}
		if way == sharded.NoReadLocks {
			keys.Claims = []targets.ExampleClaim{{Model: models.Linearizable, Expect: targets.Reported}}
		}
	}
	return []targets.Example{
		keys, across, stale(consensus.LevelMajority, consensus.LevelFollower),
		cutOff(consensus.LevelMajority, consensus.LevelFollower, workloads.Register, models.Linearizable, "a node that is cut off answers reads at follower from what it has."),
	}
}
