package runs

import (
	"time"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/nemesis/faults"
	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/workloads/named"
)

// singleLeaderCases has a case for every defect of the store's mode single-leader. None is shorter than ten seconds: a failover takes
// one of them.
func singleLeaderCases(duration time.Duration) []Case {
	with := func(d defect.Defect, change func(*Request)) Case {
		r := Request{
			Target: protocol.Name, Nodes: 3, WriteLevel: "semi-sync", Workload: named.Session, Models: models.Linearizable + "," + models.ReadYourWrites, Rate: 600, Concurrency: "3n",
			Duration: max(duration, 10*time.Second), OpTimeout: time.Second, Options: map[string]string{"mode": "single-leader"},
			StopOnViolation: true,
		}
		if change != nil {
			change(&r)
		}
		return Case{Defect: d.String(), Request: r}
	}
	// failovers are many, each while the leader that was cut off has many clients; keys are retired soon, so that what was lost is not
	// overwritten before anybody has looked.
	failovers := func(r *Request) {
		r.Faults, r.FaultInterval, r.FaultHold = faults.PartitionPrimary, 2500*time.Millisecond, 1500*time.Millisecond
		r.Concurrency, r.OpsPerKey, r.Duration = "6n", 20, max(duration, 16*time.Second)
	}
	return []Case{
		with(defect.SemiSyncDegrades, failovers),
		with(defect.ReadUnconfirmed, func(r *Request) { r.Faults = faults.PartitionPrimary }),
		with(defect.KeepDivergedTail, func(r *Request) {
			// What the leader that was cut off took meanwhile must be in the way of what the next one has there.
			// It is a few writes a client: many clients, none of which waits long for an answer.
			failovers(r)
			r.Concurrency, r.Rate, r.OpTimeout = "12n", 1200, 400*time.Millisecond
			r.Models, r.Settle, r.StopOnViolation = models.Linearizable+","+models.Eventual, 3*time.Second, false
		}),
		with(defect.ConfirmBeforeSync, func(r *Request) { r.Faults = faults.KillAll }),
		with(defect.ConditionOnCounted, func(r *Request) {
			r.Workload, r.Weights, r.Keys, r.Models = named.Register, "read=1,write=1,cas=4", 1, models.Linearizable
			r.Concurrency = "5n"
		}),
		with(defect.LagLooksZero, func(r *Request) {
			r.ReadLevel, r.Models, r.Faults = "max-lag", models.BoundedStaleness+":2s", faults.PartitionOne
			r.FaultInterval, r.FaultHold = 5*time.Second, 4*time.Second
			r.Duration = max(duration, 12*time.Second)
		}),
	}
}
