package runs

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/nemesis/faults"
	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/workloads/named"
)

// Case is a run that must catch one of quorumkv's defects, and must not blame
// the same configuration without it.
type Case struct {
	Defect  string
	Request Request
}

// SelftestSeed is the seed of the first run of each case of the selftest unless another is given.
const SelftestSeed = 1

// seldom is how long at least a load lasts whose defect shows by chance a few times in it: on a busy machine six seconds were too few
// for one seed in ten.
const seldom = 15 * time.Second

// longest is how long a load with a defect lasts at least where it ends with the first violation. A busy machine has a tenth of the operations of one that does
// nothing else, and what is a matter of chance takes as much longer to show. Starting the nodes and checking still have to fit in FoundWithin.
const longest = 50 * time.Second

// correct is the configuration that quorumkv promises to be linearizable in its mode leaderless.
func correct(more map[string]string) map[string]string {
	o := map[string]string{"read_repair": "blocking", "write_timestamps": "quorum"}
	for k, v := range more {
		o[k] = v
	}
	return o
}

// comparing is correct in the background alone: replicas that missed a write hear of it by comparison.
func comparing() map[string]string {
	return correct(map[string]string{"read_repair": "off", "hinted_handoff": "false", "anti_entropy": "100ms"})
}

// SelftestCases has a case for every defect of the store, each chosen so that
// only the defect can break what is checked. Runs last duration each, or longer where it takes that. Those that stop on a violation are of defects that show in
// what is told while the load goes on; that are not values which nobody wrote to a key, what is there after a delete, nor what is there in the end.
func SelftestCases(duration time.Duration) []Case {
	return slices.Concat(leaderlessCases(duration), raftCases(duration), singleLeaderCases(duration), multiLeaderCases(duration), shardedCases(duration))
}

// leaderlessCases are those of the mode leaderless.
func leaderlessCases(duration time.Duration) []Case {
	base := Request{
		Target: protocol.Name, Nodes: 3, WriteLevel: "QUORUM", ReadLevel: "QUORUM",
		Workload: named.Session, Models: models.Linearizable + "," + models.ReadYourWrites, Rate: 600, Concurrency: "3n",
		Duration: duration, OpTimeout: time.Second, Options: correct(nil), StopOnViolation: true,
	}
	with := func(d defect.Defect, change func(*Request)) Case {
		r := base
		if change != nil {
			change(&r)
		}
		return Case{Defect: d.String(), Request: r}
	}
	return []Case{
		with(defect.AckBeforeQuorum, func(r *Request) { r.Faults = faults.PartitionOne }),
		with(defect.ReadOne, func(r *Request) { r.Faults = faults.PartitionOne }),
		with(defect.DropHints, func(r *Request) {
			r.ReadLevel, r.Models, r.Faults, r.StopOnViolation = "ONE", models.Eventual, faults.PartitionOne, false
			r.Options = correct(map[string]string{"read_repair": "off"})
			r.Settle = 3 * time.Second
		}),
		with(defect.ForgetUnsynced, func(r *Request) {
			r.WriteLevel, r.ReadLevel, r.Faults = "ALL", "ALL", faults.KillAll
		}),
		with(defect.IgnoreNewerTimestamps, func(r *Request) {
			// A late hint or repair has to meet a newer write of the same key: one
			// key at a time, and many writers. What all of them did to one key takes long to check.
			r.Workload, r.Weights, r.Faults = named.Register, "read=1,write=1", faults.PartitionOne
			r.Keys, r.Rate, r.Concurrency = 1, 2000, "5n"
			r.Duration = max(duration, seldom)
		}),
		with(defect.StaleCache, nil),
		with(defect.SkipWriteBack, func(r *Request) {
			// Only a write that reached some replicas and not enough can show it,
			// and only the moment of a cut makes such writes.
			r.WriteLevel, r.ReadLevel = "ALL", "ONE"
			r.Workload, r.Faults = named.Register, faults.PartitionOne
			r.FaultInterval, r.FaultHold = time.Second, 500*time.Millisecond
			r.Options = correct(map[string]string{"hinted_handoff": "false"})
		}),
		with(defect.SkipTimestampRead, func(r *Request) { r.Faults, r.Duration = faults.Clock, max(duration, seldom) }),
		with(defect.StaleRing, func(r *Request) {
			r.Nodes, r.Concurrency = 5, "2n"
			r.WriteLevel, r.ReadLevel = "ONE", "ONE"
			r.Options = correct(map[string]string{"replication": "1"})
		}),
		with(defect.CountHints, func(r *Request) { r.Faults = faults.PartitionOne }),
		with(defect.ForgetTombstones, func(r *Request) {
			r.Workload, r.Weights, r.Models, r.Faults = named.Register, "read=3,write=1,delete=1", models.Linearizable, faults.PartitionOne
			r.StopOnViolation = false
		}),
		with(defect.StaleTree, func(r *Request) {
			r.ReadLevel, r.Models, r.Faults, r.StopOnViolation = "ONE", models.Eventual, faults.PartitionOne, false
			r.Options = comparing()
			r.Settle = 3 * time.Second
		}),
		with(defect.SyncSkipsTombstones, func(r *Request) {
			// The last that is done to a key has to be a delete, missed by a replica that has its value: many keys, each in use for longer than a cut.
			r.Workload, r.Weights = named.Register, "read=1,write=2,delete=2"
			r.ReadLevel, r.Models, r.Faults, r.StopOnViolation = "ONE", models.Eventual, faults.PartitionOne, false
			r.Options = comparing()
			r.Keys, r.OpsPerKey, r.Settle = 100, 10, 3*time.Second
			r.FaultInterval, r.FaultHold = 1300*time.Millisecond, time.Second
		}),
		with(defect.PurgeEarly, func(r *Request) {
			r.Workload, r.Weights, r.Models, r.Faults = named.Register, "read=1,write=2,delete=2", models.Linearizable, faults.PartitionOne
			r.Options = correct(map[string]string{"anti_entropy": "100ms", "tombstone_grace": "1h"})
			r.OpsPerKey, r.FaultInterval, r.FaultHold, r.StopOnViolation = 6, 1300*time.Millisecond, time.Second, false
		}),
		with(defect.TenantForgottenInReplicaRead, ofTenants),
		with(defect.TenantForgottenInList, ofTenants),
		with(defect.TenantForgottenInBackup, ofTenants),
		with(defect.HandOverEarly, func(r *Request) {
			// The owners of nearly all keys change, twice a fault, and any of a key's replicas may answer.
			r.Nodes, r.Concurrency, r.Faults = 4, "3n", faults.Membership
			r.WriteLevel, r.ReadLevel = "ALL", "ONE"
			r.Options = correct(map[string]string{"partitioner": "modulo", "hinted_handoff": "false"})
			r.FaultInterval, r.FaultHold = 2*time.Second, time.Second
		}),
		with(defect.RangeHandedOverEarly, func(r *Request) {
			// All keys are in one range, which moves twice a fault, and any of a key's replicas may answer.
			r.Nodes, r.Concurrency, r.Faults = 4, "3n", faults.MoveRange
			r.WriteLevel, r.ReadLevel = "ALL", "ONE"
			r.Options = correct(map[string]string{"partitioner": "range", "split_points": "none", "hinted_handoff": "false"})
			r.FaultInterval, r.FaultHold = time.Second, 500*time.Millisecond
		}),
		with(defect.AnswersInOrder, func(r *Request) { r.StopOnViolation = false }),
		with(defect.CacheOutlivesPages, func(r *Request) {
			// What a node has in its cache has to be overwritten while the range is away, and read when it is back and nobody has written it again.
			r.Nodes, r.Concurrency, r.Faults = 4, "3n", faults.MoveRange
			r.WriteLevel, r.ReadLevel = "ALL", "ONE"
			r.Options = correct(map[string]string{"partitioner": "range", "split_points": "none", "hinted_handoff": "false"})
			r.FaultInterval, r.FaultHold = time.Second, 500*time.Millisecond
			r.Workload, r.Weights, r.Keys, r.OpsPerKey = named.Register, "read=4,write=1", 40, 1000
			r.Models = models.Linearizable
		}),
		with(defect.DenyPartialWrites, func(r *Request) {
			r.WriteLevel, r.ReadLevel, r.Models, r.Faults, r.StopOnViolation = "ALL", "ONE", models.Linearizable, faults.Pause, false
		}),
	}
}

// ofTenants makes r a run of tenants.
func ofTenants(r *Request) {
	r.Workload, r.Models, r.StopOnViolation = named.Tenants, models.IsolationOfTenants, false
}

// Defective is the request with the defect switched on. Where the load ends with the first violation, it goes on for longest if need be. A ring that all nodes
// see alike is no defect, so that one is on one node.
func (c Case) Defective() Request {
	r := c.Request
	if r.StopOnViolation {
		r.Duration = max(r.Duration, longest)
	}
	r.Options = maps.Clone(r.Options)
	r.Options["defects"] = c.Defect
	if c.Defect == defect.StaleRing.String() {
		r.Options["defects"] += "@n1"
	}
	return r
}

// Whole is a name for what a call of the self-test makes.
func Whole(now time.Time) string { return "selftest " + store.NewID(now, rand.Uint32()) }

func partOf(whole, label string) *store.Part { return &store.Part{Of: whole, Label: label} }

func runRequest(ctx context.Context, r Request, seed uint64, provider cluster.Provider, reason string, env Environment) (*Finished, error) {
	r.Seed, r.Seeded = seed, true
	p, err := Plan(ctx, r, env)
	if err != nil {
		return nil, err
	}
	f, err := Run(ctx, p, provider, reason, env)
	if err == nil && f.Report.Interrupted {
		err = context.Cause(ctx)
	}
	return f, err
}

// SoakRequest is the i-th of the runs that must raise no alarm: a correct
// configuration of quorumkv, taking turns among levels whose W+R exceeds N,
// workloads and numbers of nodes, under partitions, kills and pauses.
func SoakRequest(i int, duration time.Duration) Request {
	levels := [][2]string{{"QUORUM", "QUORUM"}, {"ALL", "ONE"}, {"ONE", "ALL"}, {"2", "2"}}
	l := levels[i%len(levels)]
	r := Request{
		Target: protocol.Name, Nodes: 3, WriteLevel: l[0], ReadLevel: l[1],
		Workload: []string{named.Register, named.Session}[i/len(levels)%2],
		Models:   models.Linearizable + "," + models.ReadYourWrites + "," + models.MonotonicReads,
		Rate:     600, Concurrency: "3n", Duration: duration, OpTimeout: time.Second,
		Options: correct(nil),
		Faults:  strings.Join([]string{faults.Partition, faults.Kill, faults.Pause}, ","),
	}
	if i%5 == 4 {
		r.Nodes, r.Concurrency = 5, "2n"
	}
	return r
}

// Soak makes the i-th soak run with the seed i+1, as a part of what whole names.
func Soak(ctx context.Context, i int, whole string, duration time.Duration, provider cluster.Provider, reason string, env Environment) (*Finished, error) {
	env.Part = partOf(whole, fmt.Sprintf("soak %d", i+1))
	return runRequest(ctx, SoakRequest(i, duration), uint64(i)+1, provider, reason, env)
}
