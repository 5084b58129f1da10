package runs

import (
	"maps"
	"time"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/nemesis/faults"
	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/workloads/named"
)

// multiLeaderCases has a case for every defect of the store's mode multi-leader.
func multiLeaderCases(duration time.Duration) []Case {
	with := func(d defect.Defect, conflicts string, change func(*Request)) Case {
		r := Request{
			Target: protocol.Name, Nodes: 4, Workload: named.Set, Models: models.SetEventual, Rate: 600, Concurrency: "3n", OpsPerKey: 50,
			Duration: duration, OpTimeout: time.Second, Settle: time.Second, Options: map[string]string{"mode": "multi-leader"},
		}
		maps.Copy(r.Options, map[string]string{"conflicts": conflicts})
		if change != nil {
			change(&r)
		}
		return Case{Defect: d.String(), Request: r}
	}
	removals := func(r *Request) { r.Weights = "add=2,remove=2,read=1" }
	return []Case{
		with(defect.MaxOfTotals, "crdt", func(r *Request) {
			// Each counter is one final read a node, and a busy machine has a few hundred operations in all.
			r.Workload, r.Models, r.OpsPerKey = named.Counter, models.CounterEventual, 20
		}),
		with(defect.RemoveWins, "crdt", func(r *Request) {
			// A removal has to come to the other region before the addition does.
			removals(r)
			r.Options["exchange_interval"] = "200ms"
		}),
		with(defect.DropContext, "siblings", nil),
		with(defect.ResurrectRemoved, "crdt", removals),
		with(defect.FieldRemovalWins, "crdt", func(r *Request) {
			// An update has to come after a removal of which its region has not heard.
			r.Workload, r.Weights, r.Duration = named.Map, "add=10,clear=1,read=1", max(duration, seldom)
			r.Options["exchange_interval"] = "200ms"
		}),
		with(defect.TrustDelivery, "lww", func(r *Request) {
			// What was sent just before a cut must be the last change of its key.
			r.Workload, r.Models, r.Weights = named.Register, models.Eventual, "read=1,write=3"
			r.Faults, r.FaultInterval, r.FaultHold = faults.PartitionCentres, 1200*time.Millisecond, time.Second
			r.OpsPerKey, r.Duration = 20, max(duration, 8*time.Second)
		}),
	}
}
