package runs

import (
	"time"

	"github.com/lapse-test/lapse/checkers/models"
)

// singleLeaderCases has a case for every defect of the store's mode single-leader. None is shorter than ten seconds: a failover takes
// one of them.
func singleLeaderCases(duration time.Duration) []Case {
	with := func(name string, change func(*Request)) Case {
		r := Request{
			Target: "quorumkv", Nodes: 3, WriteLevel: "semi-sync", Workload: "session", Models: models.Linearizable + "," + models.ReadYourWrites, Rate: 600, Concurrency: "3n",
			Duration: max(duration, 10*time.Second), OpTimeout: time.Second, Options: map[string]string{"mode": "single-leader"},
		}
		if change != nil {
			change(&r)
		}
		return Case{Defect: name, Request: r}
	}
	// failovers are many, each while the leader that was cut off has many clients; keys are retired soon, so that what was lost is not
	// overwritten before anybody has looked.
	failovers := func(r *Request) {
		r.Faults, r.FaultInterval, r.FaultHold = "partition-primary", 2500*time.Millisecond, 1500*time.Millisecond
		r.Concurrency, r.OpsPerKey, r.Duration = "6n", 20, max(duration, 16*time.Second)
	}
	return []Case{
		with("semi-sync-degrades", failovers),
		with("read-unconfirmed", func(r *Request) { r.Faults = "partition-primary" }),
		with("keep-diverged-tail", func(r *Request) {
			// What the leader that was cut off took meanwhile must be in the way of what the next one has there.
			// It is a few writes a client: many clients, none of which waits long for an answer.
			failovers(r)
			r.Concurrency, r.Rate, r.OpTimeout = "12n", 1200, 400*time.Millisecond
			r.Models, r.Settle = models.Linearizable+","+models.Eventual, 3*time.Second
		}),
		with("confirm-before-sync", func(r *Request) { r.Faults = "kill-all" }),
		with("condition-on-counted", func(r *Request) {
			r.Workload, r.Weights, r.Keys, r.Models = "register", "read=1,write=1,cas=4", 1, models.Linearizable
			r.Concurrency = "5n"
		}),
		with("lag-looks-zero", func(r *Request) {
			r.ReadLevel, r.Models, r.Faults = "max-lag", "bounded-staleness:2s", "partition-one"
			r.FaultInterval, r.FaultHold = 5*time.Second, 4*time.Second
			r.Duration = max(duration, 12*time.Second)
		}),
	}
}
