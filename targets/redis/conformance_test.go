package redis_test

import (
	"testing"
	"time"

	"github.com/lapse-test/lapse/conformance"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/redis"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	atPrimary := runs.Request{
		Workload: "session", Concurrency: "4", Rate: 200, Duration: 8 * time.Second, Options: map[string]string{"appendfsync": "always"},
		Faults: "pause,partition", FaultInterval: 4 * time.Second, FaultHold: time.Second,
	}
	atReplicas := atPrimary
	// A pause of a replica hides it, a cut from the primary lets it answer with what it has.
	atReplicas.ReadLevel, atReplicas.Faults, atReplicas.FaultHold = "any", "partition", 2*time.Second
	conformance.Run(t, conformance.Database{
		Target: redis.Target{}, Config: targets.Config{Nodes: 3}, Light: true,
		Held:     []conformance.Claim{{Name: "reads at the primary", Request: atPrimary, Model: "linearizable"}},
		Violated: []conformance.Claim{{Name: "reads at any node", Request: atReplicas, Model: "read-your-writes"}},
	})
}
