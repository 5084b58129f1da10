package quorumkv_test

import (
	"testing"
	"time"

	"github.com/lapse-test/lapse/conformance"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/quorumkv"
)

// TestShardedConformance: what transactions across shards promise on real nodes that are cut off, killed and paused, and what the cheaper ways break without any fault.
func TestShardedConformance(t *testing.T) {
	options := map[string]string{"mode": "sharded"}
	target, err := quorumkv.New().Describe(t.Context(), targets.Config{Options: options})
	if err != nil {
		t.Fatal(err)
	}
	run := func(ways, workload, faults string) runs.Request {
		return runs.Request{Workload: workload, Rate: 400, Duration: 6 * time.Second, OpTimeout: time.Second, Faults: faults, Nodes: 3,
			Options: map[string]string{"mode": "sharded", "transactions": ways}}
	}
	follower := run("two-phase-commit", "register", "partition-one")
	follower.ReadLevel = "follower"
	conformance.Run(t, conformance.Database{
		Target: target,
		Config: targets.Config{Nodes: 3, Options: options},
		Light:  true,
		Held: []conformance.Claim{
			{Name: "two-phase commit, lists", Request: run("two-phase-commit", "append", "partition,kill,pause"), Model: "strict-serializable"},
			{Name: "two-phase commit, transfers", Request: run("two-phase-commit", "bank", "partition,kill"), Model: "bank"},
			{Name: "two-phase commit, one key at a time", Request: run("two-phase-commit", "register", "partition,kill"), Model: "linearizable"},
		},
		Violated: []conformance.Claim{
			{Name: "reads at follower", Request: follower, Model: "linearizable"},
			{Name: "no locks on reads", Request: run("no-read-locks", "append", ""), Model: "strict-serializable"},
			{Name: "one shard after the other", Request: run("best-effort", "append", ""), Model: "strict-serializable"},
		},
	})
}
