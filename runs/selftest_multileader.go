package runs

import (
	"maps"
	"time"

	"github.com/lapse-test/lapse/checkers/models"
)

// multiLeaderCases has a case for every defect of the store's mode multi-leader.
func multiLeaderCases(duration time.Duration) []Case {
	with := func(name, conflicts string, change func(*Request)) Case {
		r := Request{
			Target: "quorumkv", Nodes: 4, Workload: "set", Models: models.SetEventual, Rate: 600, Concurrency: "3n", OpsPerKey: 100,
			Duration: duration, OpTimeout: time.Second, Settle: time.Second, Options: map[string]string{"mode": "multi-leader"},
		}
		maps.Copy(r.Options, map[string]string{"conflicts": conflicts})
		if change != nil {
			change(&r)
		}
		return Case{Defect: name, Request: r}
	}
	removals := func(r *Request) { r.Weights = "add=2,remove=2,read=1" }
	return []Case{
		with("max-of-totals", "crdt", func(r *Request) { r.Workload, r.Models = "counter", models.CounterEventual }),
		with("remove-wins", "crdt", func(r *Request) {
			// A removal has to come to the other region before the addition does.
			removals(r)
			r.Options["exchange_interval"] = "200ms"
		}),
		with("drop-context", "siblings", nil),
		with("resurrect-removed", "crdt", removals),
		with("trust-delivery", "lww", func(r *Request) {
			// What was sent just before a cut must be the last change of its key.
			r.Workload, r.Models, r.Weights = "register", models.Eventual, "read=1,write=3"
			r.Faults, r.FaultInterval, r.FaultHold = "partition-centres", 1200*time.Millisecond, time.Second
			r.OpsPerKey, r.Duration = 20, max(duration, 8*time.Second)
		}),
	}
}
