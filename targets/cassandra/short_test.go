package cassandra_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/runs/runstest"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cassandra"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/targets/registry"
)

// claim is what a run must come to.
type claim struct {
	nodes       int
	options     map[string]string
	write, read string
	workload    string
	faults      string
	keys        int
	duration    time.Duration
	model       string
	want        checkers.Status
	// seed is 1 unless a schedule is wanted that another one has.
	seed uint64
	// says is what is said of the model's promise, notPromised a model of which it is
	// said that there is none.
	says, notPromised string
}

func (c claim) String() string {
	return fmt.Sprintf("W=%s R=%s %s is %s under %s", c.write, c.read, c.model, c.want, c.faults)
}

// expect makes the run of a claim and holds its verdict to it.
func expect(t *testing.T, c claim, seed uint64, provider cluster.Provider, own ...targets.Target) {
	t.Helper()
	env := runs.Environment{
		Targets: append(own, registry.All()...), Providers: registry.Providers(),
		Out: t.TempDir(), Cache: cassandra.Software(),
		Progress: harness.Silent{}, Log: slog.New(slog.DiscardHandler),
	}
	done := runstest.Decided(t, runs.Request{
		Target: cassandra.Name, Nodes: c.nodes, WriteLevel: c.write, ReadLevel: c.read, Options: c.options,
		Workload: c.workload, Rate: 250, Faults: c.faults, Keys: c.keys,
		Models: strings.Trim(c.model+","+c.notPromised, ","), Duration: c.duration, Seed: seed, Seeded: true,
	}, c.model, provider, env)
	v, _ := done.Summary.ByModel(c.model)
	l := done.Summary.Load
	t.Logf("seed %d: %d operations, %d ok, %d info; %d faults, %d bit; %s", seed, l.Ops, l.OK, l.Info, l.Faults.Injected, l.Faults.TookEffect, text.Evidence(v))
	if v.Status != c.want {
		t.Errorf("%s is %s %v, want %s", c.model, v.Status, v.Reasons, c.want)
		for i := range v.Violations {
			t.Log(v.Violations[i].Sentence)
			for _, op := range v.Violations[i].Ops {
				t.Log(text.Op(done.History, op))
			}
		}
	}
	if says := done.Summary.Promises.Says(v); !strings.Contains(says, c.says) {
		t.Errorf("it says %q, want %q", says, c.says)
	}
	if other, checked := done.Summary.ByModel(c.notPromised); checked {
		t.Logf("%s, which is not promised, is %s", other.Model, other.Status)
		if says := done.Summary.Promises.Says(other); !strings.HasPrefix(says, "not promised by cassandra") {
			t.Errorf("of %s it says %q", c.notPromised, says)
		}
	}
}

// The claims that are settled in every test run, on one cluster.
var short = []claim{
	{
		write: "ONE", read: "ONE", workload: "session", faults: "partition-one",
		model: "read-your-writes", want: checkers.Violated, says: "it is no defect of the database",
		duration: 10 * time.Second,
	},
	{
		write: "QUORUM", read: "QUORUM", workload: "session", faults: "partition-one,kill",
		model: "read-your-writes", want: checkers.Held, says: "promised by cassandra at write QUORUM, read QUORUM",
		notPromised: "linearizable", seed: 2, // cuts before it kills
		duration: 20 * time.Second,
	},
	{
		write: "SERIAL", read: "SERIAL", workload: "register", faults: "partition-one,pause", keys: 12,
		model: "linearizable", want: checkers.Held, says: "promised by cassandra at write SERIAL, read SERIAL",
		duration: 20 * time.Second,
	},
}

// TestLevels has a cluster of three: all that it does without faults, and a run of
// each of the short claims.
func TestLevels(t *testing.T) {
	kept := &keptCluster{logs: t.TempDir()}
	t.Cleanup(func() { kept.end(t) })
	target := &keptTarget{cluster: kept}
	for _, c := range short {
		if !t.Run(c.String(), func(t *testing.T) { expect(t, c, max(1, c.seed), kept, target) }) {
			return // what it broke may be broken still
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	for _, c := range []struct {
		repair    string
		monotonic bool
	}{{"NONE", false}, {"BLOCKING", true}} {
		t.Run("read_repair "+c.repair, func(t *testing.T) {
			sys := target.again(t, ctx, map[string]string{"read_repair": c.repair})
			first, second, before, after := cassandra.Monotonic(t, ctx, sys, kept)
			if want := map[bool]any{true: after, false: before}[c.monotonic]; first != after || second != want {
				t.Errorf("two reads at QUORUM returned %v and %v, want %v and %v", first, second, after, want)
			}
		})
	}
	cassandra.WithoutFaults(t, ctx, target.again(t, ctx, nil), kept)
}

// keptCluster is a sandbox that is opened once and closed by end, whatever runs do
// with it between. It is a Provider and its Cluster.
type keptCluster struct {
	cluster.Cluster
	logs string
}

func (k *keptCluster) Name() string { return sandbox.Provider{}.Name() }

func (k *keptCluster) Available(ctx context.Context, spec cluster.Spec) error {
	return sandbox.Provider{}.Available(ctx, spec)
}

func (k *keptCluster) Open(ctx context.Context, spec cluster.Spec) (cluster.Cluster, error) {
	if k.Cluster == nil {
		spec.LogDir = k.logs // the first run's own goes before the nodes do
		var err error
		if k.Cluster, err = (sandbox.Provider{}).Open(ctx, spec); err != nil {
			return nil, err
		}
	}
	return k, nil
}

func (k *keptCluster) Close(context.Context) error { return nil }

func (k *keptCluster) end(t *testing.T) {
	if k.Cluster == nil {
		return
	}
	if err := k.Cluster.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// keptTarget is Cassandra on a kept cluster: started once, and given to every run
// with a keyspace of its own.
type keptTarget struct {
	cassandra.Target
	cluster *keptCluster
	first   targets.System
	runs    int
}

func (k *keptTarget) Start(ctx context.Context, c cluster.Cluster, cfg targets.Config) (targets.System, error) {
	if k.first == nil {
		sys, err := k.Target.Start(ctx, c, cfg)
		if err != nil {
			return nil, err
		}
		k.first = sys
	}
	k.runs++
	sys, err := cassandra.Again(ctx, k.first, cfg, fmt.Sprintf("run%d", k.runs))
	if err != nil {
		return nil, err
	}
	return keptSystem{sys}, nil
}

// again is the cluster for what is no run, with these options of the tables.
func (k *keptTarget) again(t *testing.T, ctx context.Context, options map[string]string) targets.System {
	t.Helper()
	cfg, err := k.Resolve(targets.Config{Options: options, OpTimeout: 5 * time.Second})
	if err == nil && k.first == nil {
		err = errors.New("no run has started it")
	}
	if err != nil {
		t.Fatal(err)
	}
	k.runs++
	sys, err := cassandra.Again(ctx, k.first, cfg, fmt.Sprintf("run%d", k.runs))
	if err != nil {
		t.Fatal(err)
	}
	return sys
}

// keptSystem outlives the run.
type keptSystem struct{ *cassandra.System }

func (keptSystem) Stop(context.Context) error { return nil }
