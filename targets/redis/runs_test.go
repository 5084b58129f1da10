package redis_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/runs/runstest"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/targets/redis"
	"github.com/lapse-test/lapse/targets/registry"
)

// TestRuns has for each topology what breaks and what holds, one setting apart.
func TestRuns(t *testing.T) {
	t.Parallel()
	replication := map[string]string{"appendfsync": "always"}
	slots := map[string]string{"topology": "cluster"}
	// Longer than the cluster takes to replace a primary that it does not hear of.
	const outlasts = 8 * time.Second
	for _, c := range []struct {
		name        string
		nodes       int
		write, read string
		options     map[string]string
		faults      string
		hold        time.Duration
		model       string
		want        checkers.Status
		says        string
		lasts       time.Duration
	}{
		{"reads at a replica", 3, "none", "replica", replication, "partition", 2 * time.Second, "read-your-writes", checkers.Violated, "not promised by redis", 10 * time.Second},
		{"reads at the primary", 3, "none", "primary", replication, "partition", 2 * time.Second, "linearizable", checkers.Held, "promised by redis", 10 * time.Second},
		// Replicas go on serving while the primary is down.
		{"a primary that is killed", 3, "none", "any", replication, "kill-primary", time.Second, "no-lost-writes", checkers.Held, "promised by redis", 10 * time.Second},
		{"a cluster, cut longer than a failover takes", 6, "none", "primary", slots, "partition", outlasts, "no-lost-writes", checkers.Violated, "not promised by redis", 25 * time.Second},
		{"the same with a WAIT that is checked", 6, "wait:1", "primary", slots, "partition", outlasts, "no-lost-writes", checkers.Held, "not promised by redis", 25 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			env := runs.Environment{Targets: registry.All(), Out: t.TempDir(), Progress: harness.Silent{}, Log: slog.New(slog.DiscardHandler)}
			done := runstest.Decided(t, runs.Request{
				Target: redis.Name, Nodes: c.nodes, WriteLevel: c.write, ReadLevel: c.read, Options: c.options,
				Workload: "session", Rate: 400, Faults: c.faults, FaultInterval: c.hold + 6*time.Second, FaultHold: c.hold,
				Models: c.model, Duration: c.lasts, Seed: 3, Seeded: true,
			}, c.model, sandbox.Provider{}, env)
			v, _ := done.Summary.ByModel(c.model)
			t.Logf("%d ok of %d; %s", done.Summary.Load.OK, done.Summary.Load.Ops, text.Evidence(v))
			if v.Status != c.want {
				t.Errorf("%s is %s %v, want %s", c.model, v.Status, v.Reasons, c.want)
			}
			if says := done.Summary.Promises.Says(v); !strings.HasPrefix(says, c.says) {
				t.Errorf("it says %q, want %q", says, c.says)
			}
		})
	}
}
