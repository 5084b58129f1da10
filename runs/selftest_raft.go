package runs

import (
	"time"

	"github.com/lapse-test/lapse/checkers/models"
)

// raftCases has a case for every defect of the store's mode raft. None is shorter than eight seconds: an election takes one of them.
func raftCases(duration time.Duration) []Case {
	with := func(name string, change func(*Request)) Case {
		r := Request{
			Target: "quorumkv", Nodes: 3, Workload: "session", Models: models.Linearizable + "," + models.ReadYourWrites, Rate: 600, Concurrency: "3n",
			Duration: max(duration, 8*time.Second), OpTimeout: time.Second, Options: map[string]string{"mode": "raft"},
		}
		if change != nil {
			change(&r)
		}
		return Case{Defect: name, Request: r}
	}
	return []Case{
		with("lease-trusts-clock", func(r *Request) {
			// The clock of the node that leads has to be set back, and that node to be cut off while it is.
			r.ReadLevel, r.Faults, r.FaultMode = "lease", "clock,partition-primary", "mixed"
			r.FaultInterval, r.FaultHold = 1300*time.Millisecond, 1200*time.Millisecond
			r.Duration = max(duration, 30*time.Second)
		}),
		with("log-not-synced", func(r *Request) { r.Faults = "kill-all" }),
		with("read-before-apply", nil),
		with("mixed-up-answers", func(r *Request) {
			// Reads share a confirmation only where they come to one node faster than it is given.
			r.Rate, r.Concurrency = 2400, "10n"
		}),
		with("ack-before-commit", func(r *Request) {
			// What the cut leader acknowledges in its last second has to be read by others before they overwrite it.
			r.Workload, r.Weights, r.Keys, r.Session = "register", "read=1,write=1", 8, "stay"
			r.Faults, r.FaultInterval, r.FaultHold = "partition-primary", 1500*time.Millisecond, 1200*time.Millisecond
			r.Duration = max(duration, 12*time.Second)
			r.Models = models.Linearizable
		}),
		with("retry-applies-twice", func(r *Request) {
			// A follower that hears nothing proposes again what the leader has heard, while clients of other nodes go on.
			r.Workload, r.Weights, r.Keys, r.Session = "register", "read=1,write=1", 2, "stay"
			r.Faults, r.FaultInterval, r.FaultHold = "partition-oneway", 700*time.Millisecond, 400*time.Millisecond
			r.Duration = max(duration, 25*time.Second)
			r.Models = models.Linearizable
		}),
	}
}
