package quorumkv_test

import (
	"maps"
	"testing"
	"time"

	"github.com/lapse-test/lapse/conformance"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/quorumkv"
)

// TestSingleLeaderConformance: what each pair of levels of mode single-leader promises on real nodes, and what breaks: asynchronous writes
// that a failover loses, a deposed leader that goes on without fencing, followers that are cut off.
func TestSingleLeaderConformance(t *testing.T) {
	single, err := quorumkv.New().Describe(t.Context(), targets.Config{Options: map[string]string{"mode": "single-leader"}})
	if err != nil {
		t.Fatal(err)
	}
	run := func(write, read, faults string, options map[string]string) runs.Request {
		r := runs.Request{Workload: "session", Rate: 400, Duration: 12 * time.Second, OpTimeout: time.Second, WriteLevel: write, ReadLevel: read, Faults: faults,
			Options: map[string]string{}}
		maps.Copy(r.Options, options)
		return r
	}
	long := func(r runs.Request) runs.Request {
		r.FaultInterval, r.FaultHold = 5*time.Second, 4*time.Second
		return r
	}
	lossy := func(r runs.Request) runs.Request { // keys are retired before what was lost is overwritten
		r.FaultInterval, r.FaultHold, r.OpsPerKey, r.Concurrency = 2500*time.Millisecond, 1500*time.Millisecond, 20, "6n"
		return r
	}
	unfenced := map[string]string{"fencing": "off"}
	alone := map[string]string{"failover": "off"}
	const failovers = "partition-primary,kill-primary,pause-primary"
	conformance.Run(t, conformance.Database{
		Target: single,
		Config: targets.Config{Nodes: 3},
		Light:  true,
		Held: []conformance.Claim{
			{Name: "semi-sync, leaders that change", Request: run("semi-sync", "leader", failovers, nil), Model: "linearizable"},
			{Name: "sync, leaders that change", Request: run("sync", "leader", failovers, nil), Model: "linearizable"},
			{Name: "semi-sync, acknowledged writes", Request: lossy(run("semi-sync", "leader", "partition-primary", nil)), Model: "no-lost-writes"},
			{Name: "semi-sync, all nodes killed", Request: run("semi-sync", "follower", "partition-primary,kill-all", nil), Model: "no-lost-writes"},
			{Name: "async without failover", Request: run("async", "leader", failovers, alone), Model: "linearizable"},
			{Name: "max-lag, how old", Request: long(run("semi-sync", "max-lag", "partition-one", nil)), Model: "bounded-staleness:2s"},
		},
		Violated: []conformance.Claim{
			{Name: "async, acknowledged writes", Request: lossy(run("async", "leader", "partition-primary", nil)), Model: "no-lost-writes"},
			{Name: "async, linearizable", Request: lossy(run("async", "leader", "partition-primary", nil)), Model: "linearizable"},
			{Name: "no fencing, linearizable", Request: run("semi-sync", "leader", "partition-primary", unfenced), Model: "linearizable"},
			{Name: "follower, linearizable", Request: run("semi-sync", "follower", "partition-one", nil), Model: "linearizable"},
			{Name: "follower, how old", Request: long(run("semi-sync", "follower", "partition-one", nil)), Model: "bounded-staleness:2s"},
			{Name: "follower without failover, read-your-writes", Request: run("async", "follower", "partition-one", alone), Model: "read-your-writes"},
			{Name: "max-lag, read-your-writes", Request: run("semi-sync", "max-lag", "partition-one", nil), Model: "read-your-writes"},
			// Each session writes 20 times a second: for longer than that it would always be at the leader.
			{Name: "sticky, monotonic-reads", Request: long(run("semi-sync", "sticky", "partition-one", map[string]string{"sticky": "20ms"})), Model: "monotonic-reads"},
		},
	})
}
