package quorumkv_test

import (
	"testing"
	"time"

	"github.com/lapse-test/lapse/conformance"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/quorumkv"
)

// TestRaftConformance: what each read level of mode raft promises on real nodes, and what breaks. A follower is
// made old by a cut, a lease that trusts the wall clock by moving it under a leader that is then cut off.
func TestRaftConformance(t *testing.T) {
	raft, err := quorumkv.New().Describe(t.Context(), targets.Config{Options: map[string]string{"mode": "raft"}})
	if err != nil {
		t.Fatal(err)
	}
	run := func(level, faults string, change func(*runs.Request)) runs.Request {
		r := runs.Request{Workload: "session", Rate: 300, Duration: 10 * time.Second, OpTimeout: time.Second, ReadLevel: level, Faults: faults}
		if change != nil {
			change(&r)
		}
		return r
	}
	clocks := func(r *runs.Request) {
		r.Rate, r.Duration, r.FaultMode = 600, 30*time.Second, "mixed"
		r.FaultInterval, r.FaultHold = 1300*time.Millisecond, 1200*time.Millisecond
	}
	long := func(r *runs.Request) {
		r.Rate, r.Duration, r.FaultInterval, r.FaultHold = 400, 12*time.Second, 5*time.Second, 4*time.Second
	}
	conformance.Run(t, conformance.Database{
		Target: raft,
		Config: targets.Config{Nodes: 3},
		Light:  true,
		Held: []conformance.Claim{
			{Name: "read-index, whatever happens", Request: run("read-index", "partition,kill,pause", nil), Model: "linearizable"},
			{Name: "lease, leaders that change", Request: run("lease", "partition-primary,kill-primary,pause-primary", nil), Model: "linearizable"},
			{Name: "lease, clocks that are moved", Request: run("lease", "clock,partition-primary", clocks), Model: "linearizable"},
			{Name: "lists, leaders that change", Request: run("read-index", "partition-primary,kill-primary,pause-primary", func(r *runs.Request) { r.Workload = "append" }), Model: "strict-serializable"},
			{Name: "max-lag, how old", Request: run("max-lag", "partition-one", long), Model: "bounded-staleness:2s"},
			{Name: "acknowledged writes, all nodes killed", Request: run("read-index", "kill-all", nil), Model: "no-lost-writes"},
		},
		Violated: []conformance.Claim{
			{Name: "follower, linearizable", Request: run("follower", "partition-one", nil), Model: "linearizable"},
			{Name: "follower, how old", Request: run("follower", "partition-one", long), Model: "bounded-staleness:2s"},
			{Name: "max-lag, read-your-writes", Request: run("max-lag", "partition-one", nil), Model: "read-your-writes"},
			{Name: "follower, lists", Request: run("follower", "partition-one", func(r *runs.Request) { r.Workload = "append" }), Model: "strict-serializable"},
			{Name: "follower, read-your-writes", Request: run("follower", "partition-one", nil), Model: "read-your-writes"},
			{Name: "lease that trusts the clock", Request: run("lease", "clock,partition-primary", func(r *runs.Request) {
				clocks(r)
				r.Options = map[string]string{"defects": "lease-trusts-clock"}
			}), Model: "linearizable"},
		},
	})
}
