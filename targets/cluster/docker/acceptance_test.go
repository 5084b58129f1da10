//go:build linux

package docker_test

import (
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/internal/standin/standintest"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets/cluster/docker"
	"github.com/lapse-test/lapse/targets/registry"
)

// inDocker carries out a request in containers of the stand-in for the target's
// image, and expects this of a model.
func inDocker(t *testing.T, r runs.Request, model string, want checkers.Status) *runs.Finished {
	t.Helper()
	r.Image, r.Provider, r.Models, r.Seed, r.Seeded = standintest.Image(t, r.Target), docker.Name, model, 7, true
	if os.Geteuid() != 0 {
		t.Skip("an ordinary user cuts no links")
	}
	env := runs.Environment{
		Targets: registry.All(), Providers: registry.Providers(),
		Out: t.TempDir(), Cache: t.TempDir(), // what is in the image is not fetched
		Progress: harness.Silent{}, Log: slog.New(slog.DiscardHandler),
	}
	planned, err := runs.Plan(t.Context(), r, env)
	if err != nil {
		t.Fatal(err)
	}
	f, err := runs.Run(t.Context(), planned, docker.Provider{}, "", env)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: set up in %s, %d operations ok, faults %+v", f.Summary.Version, f.Report.Setup.Round(time.Millisecond), f.Summary.Load.OK, f.Summary.Load.Faults)
	v, ok := f.Summary.ByModel(model)
	if !ok || v.Status != want {
		t.Errorf("%s is %s, want %s: %v", model, v.Status, want, v.Reasons)
		for i := range v.Violations {
			t.Log(v.Violations[i].Sentence)
			for _, op := range v.Violations[i].Ops {
				t.Log(text.Op(f.History, op))
			}
		}
	}
	if r.Faults != "" && (f.Summary.Load.Faults.TookEffect == 0 || f.Summary.Load.Faults.Healed != f.Summary.Load.Faults.TookEffect) {
		t.Errorf("faults: %+v", f.Summary.Load.Faults)
	}
	if left := things(t, f.Dir.ID); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
	return f
}

func TestQuorumkv(t *testing.T) {
	inDocker(t, runs.Request{
		Target: "quorumkv", WriteLevel: "1", ReadLevel: "1", Workload: "session",
		Faults: "partition", Rate: 400, Duration: 8 * time.Second,
	}, "read-your-writes", checkers.Violated)
}

// TestQuorumkvHolds has all faults against what is linearizable.
func TestQuorumkvHolds(t *testing.T) {
	inDocker(t, runs.Request{
		Target: "quorumkv", Options: map[string]string{"read_repair": "blocking", "write_timestamps": "quorum"},
		Faults: "partition,kill,pause", Rate: 300, Duration: 12 * time.Second,
	}, "linearizable", checkers.Held)
}

func TestPostgres(t *testing.T) {
	inDocker(t, runs.Request{
		Target: "postgres", WriteLevel: "local", ReadLevel: "replica", Workload: "session",
		Faults: "partition,kill", Rate: 300, Duration: 12 * time.Second,
	}, "read-your-writes", checkers.Violated)
}

// TestDynamoDB forgets, being in memory, what it acknowledged.
func TestDynamoDB(t *testing.T) {
	inDocker(t, runs.Request{
		Target: "dynamodb", Options: map[string]string{"storage": "memory"},
		Faults: "kill", Rate: 200, Duration: 15 * time.Second,
	}, "no-lost-writes", checkers.Violated)
}

// TestRedis is a cluster of six, whose replicas are behind.
func TestRedis(t *testing.T) {
	inDocker(t, runs.Request{
		Target: "redis", Nodes: 6, Options: map[string]string{"topology": "cluster"}, ReadLevel: "any", Workload: "session",
		Faults: "partition", Rate: 400, Duration: 10 * time.Second,
	}, "read-your-writes", checkers.Violated)
}

// TestEtcd is three members, one of which is cut off.
func TestEtcd(t *testing.T) {
	inDocker(t, runs.Request{
		Target: "etcd", ReadLevel: "serializable", Workload: "register",
		Faults: "partition-one", Rate: 200, Duration: 10 * time.Second,
	}, "linearizable", checkers.Violated)
}

// TestCassandra is one node: the clusters of several have a test of their own.
func TestCassandra(t *testing.T) {
	inDocker(t, runs.Request{
		Target: "cassandra", Nodes: 1, Workload: "session", WriteLevel: "ONE", ReadLevel: "ONE",
		Faults: "pause", Rate: 200, Duration: 12 * time.Second,
	}, "read-your-writes", checkers.Held)
}

// TestThreeNodes is a cluster of Cassandra, which wants both cores for itself: `make
// test-cassandra`.
func TestThreeNodes(t *testing.T) {
	inDocker(t, runs.Request{
		Target: "cassandra", Workload: "session", WriteLevel: "ONE", ReadLevel: "ONE",
		Faults: "partition", Rate: 200, Duration: 40 * time.Second,
	}, "read-your-writes", checkers.Violated)
	inDocker(t, runs.Request{
		Target: "cassandra", Workload: "session", WriteLevel: "QUORUM", ReadLevel: "QUORUM",
		Faults: "partition", Rate: 200, Duration: 40 * time.Second,
	}, "read-your-writes", checkers.Held)
}
