package quorumkv_test

import (
	"testing"
	"time"

	"github.com/lapse-test/lapse/conformance"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/quorumkv"
)

// TestMultiLeaderConformance: what mode multi-leader promises on real nodes while its regions are cut off from each other, killed and paused, and what
// last-write-wins loses in the same time.
func TestMultiLeaderConformance(t *testing.T) {
	regional, err := quorumkv.New().Describe(t.Context(), targets.Config{Options: map[string]string{"mode": "multi-leader", "conflicts": "crdt"}})
	if err != nil {
		t.Fatal(err)
	}
	run := func(conflicts, workload, weights, faults string) runs.Request {
		return runs.Request{Workload: workload, Weights: weights, Rate: 400, Duration: 5 * time.Second, OpTimeout: time.Second, Faults: faults, OpsPerKey: 40,
			Settle: 2 * time.Second, Nodes: 4, Options: map[string]string{"mode": "multi-leader", "conflicts": conflicts}}
	}
	const faults = "partition-centres,kill,pause"
	conformance.Run(t, conformance.Database{
		Target: regional,
		Config: targets.Config{Nodes: 4, Options: map[string]string{"mode": "multi-leader", "conflicts": "crdt"}},
		Light:  true,
		Held: []conformance.Claim{
			{Name: "crdt, counters", Request: run("crdt", "counter", "", faults), Model: "counter-eventual"},
			{Name: "crdt, sets with removals", Request: run("crdt", "set", "add=3,remove=2,read=1", faults), Model: "set-eventual"},
			{Name: "crdt, fields of maps", Request: run("crdt", "map", "", faults), Model: "set-eventual"},
			{Name: "siblings, sets", Request: run("siblings", "set", "", faults), Model: "set"},
			{Name: "lww, replicas", Request: run("lww", "register", "", faults), Model: "eventual"},
		},
		Violated: []conformance.Claim{
			{Name: "lww, counters", Request: run("lww", "counter", "", "partition-centres"), Model: "counter-eventual"},
			{Name: "lww, fields of maps", Request: run("lww", "map", "", "partition-centres"), Model: "set-eventual"},
			{Name: "lww, sets", Request: run("lww", "set", "", "partition-centres"), Model: "set"},
		},
	})
}
