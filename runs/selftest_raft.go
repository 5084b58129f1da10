package runs

import (
	"time"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/nemesis/faults"
	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/workloads/named"
)

// raftCases has a case for every defect of the store's mode raft. None is shorter than eight seconds: an election takes one of them.
func raftCases(duration time.Duration) []Case {
	with := func(d defect.Defect, change func(*Request)) Case {
		r := Request{
			Target: protocol.Name, Nodes: 3, Workload: named.Session, Models: models.Linearizable + "," + models.ReadYourWrites, Rate: 600, Concurrency: "3n",
			Duration: max(duration, 8*time.Second), OpTimeout: time.Second, Options: map[string]string{"mode": "raft"},
			StopOnViolation: true,
		}
		if change != nil {
			change(&r)
		}
		return Case{Defect: d.String(), Request: r}
	}
	return []Case{
		with(defect.LeaseTrustsClock, func(r *Request) {
			// The clock of the node that leads has to be set back, and that node to be cut off while it is.
			r.ReadLevel, r.Faults, r.FaultMode = "lease", faults.Clock+","+faults.PartitionPrimary, "mixed"
			r.FaultInterval, r.FaultHold = 1300*time.Millisecond, 1200*time.Millisecond
			r.Duration = max(duration, seldom)
		}),
		with(defect.LogNotSynced, func(r *Request) { r.Faults = faults.KillAll }),
		with(defect.ReadBeforeApply, func(r *Request) {
			// The log is applied once a tick, which has to be longer than an operation takes on a busy machine.
			r.Options["election_timeout"] = "2s"
		}),
		with(defect.ServeBeforeCaughtUp, func(r *Request) {
			r.Faults, r.FaultInterval, r.FaultHold = faults.Membership, 2*time.Second, time.Second
			r.Duration = max(duration, 12*time.Second)
		}),
		with(defect.MixedUpAnswers, func(r *Request) {
			// Reads share a confirmation only where they come to one node faster than it is given.
			r.Rate, r.Concurrency, r.StopOnViolation = 2400, "10n", false
		}),
		with(defect.AckBeforeCommit, func(r *Request) {
			// What the cut leader acknowledges in its last second has to be read by others before they overwrite it.
			r.Workload, r.Weights, r.Keys, r.Session = named.Register, "read=1,write=1", 8, "stay"
			r.Faults, r.FaultInterval, r.FaultHold = faults.PartitionPrimary, 1500*time.Millisecond, 1200*time.Millisecond
			r.Duration = max(duration, 12*time.Second)
			r.Models = models.Linearizable
		}),
		with(defect.RetryAppliesTwice, func(r *Request) {
			// A follower that hears nothing proposes again what the leader has heard, while clients of other nodes go on.
			r.Workload, r.Weights, r.Keys, r.Session = named.Register, "read=1,write=1", 2, "stay"
			r.Faults, r.FaultInterval, r.FaultHold = faults.PartitionOneWay, 700*time.Millisecond, 400*time.Millisecond
			r.Duration = max(duration, seldom)
			r.Models = models.Linearizable
		}),
	}
}
