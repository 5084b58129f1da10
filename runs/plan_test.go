package runs

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/custom"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/nemesis/faults"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/registry"
)

func planned(t *testing.T, r Request) []byte {
	t.Helper()
	p, err := Plan(t.Context(), r, Environment{Targets: registry.All(), Providers: registry.Providers(), Log: slog.New(slog.DiscardHandler), Cache: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Plan.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSameSeedSamePlan(t *testing.T) {
	r := Request{Target: "quorumkv", Faults: "partition,kill,pause", Duration: 30 * time.Second, Seed: 42, Seeded: true}
	first, second := planned(t, r), planned(t, r)
	if !bytes.Equal(first, second) {
		t.Errorf("the same seed gave two plans:\n%s\n%s", first, second)
	}
	r.Seed = 43
	if bytes.Equal(first, planned(t, r)) {
		t.Error("another seed gave the same plan")
	}
}

// TestFaultsAreInTheConfig: a target is told whether the plan ends servers that come back, and whether it takes the
// power from nodes, and is told the same when the plan is taken up again.
func TestFaultsAreInTheConfig(t *testing.T) {
	env := Environment{Targets: registry.All(), Providers: registry.Providers(), Log: slog.New(slog.DiscardHandler), Cache: t.TempDir()}
	for _, c := range []struct {
		fault           string
		restarts, power bool
	}{{faults.PowerFailureAll, true, true}, {faults.KillAll, true, false}, {faults.Pause, false, false}} {
		p, err := Plan(t.Context(), Request{Target: "quorumkv", Faults: c.fault, Duration: 10 * time.Second, Seed: 42, Seeded: true}, env)
		if err != nil {
			t.Fatal(err)
		}
		again, err := FromPlan(t.Context(), p.Plan, env)
		if err != nil {
			t.Fatal(err)
		}
		for when, cfg := range map[string]targets.Config{"planned": p.Config, "taken up again": again.Config} {
			if cfg.Restarts != c.restarts || cfg.PowerFailures != c.power {
				t.Errorf("%s, %s: restarts are told: %t, power failures: %t, want %t and %t", c.fault, when, cfg.Restarts, cfg.PowerFailures, c.restarts, c.power)
			}
		}
	}
}

// TestStoredPlanWithFaultsThatExcludeEachOther: what a written schedule is refused for a stored plan is, too, and nothing else.
func TestStoredPlanWithFaultsThatExcludeEachOther(t *testing.T) {
	env := Environment{Targets: registry.All(), Providers: registry.Providers(), Log: slog.New(slog.DiscardHandler), Cache: t.TempDir()}
	for _, c := range []struct {
		name   string
		faults string
		second string // the fault of a second step on the same node, which begins while the first is on
		mode   nemesis.Mode
		says   string
	}{
		{"two qualities of the same links", "slow", "loss", nemesis.Mixed, "both would have the quality of the links of n1 in hand"},
		{"one after the other", "slow", "loss", nemesis.OneAtATime, ""},
		{"a quality, and connections that are reset", "slow", "reset", nemesis.Mixed, ""},
		{"one process", "kill", "pause", nemesis.Mixed, "both would have the process of n1 in hand"},
		{"one clock", "clock", "clock-drift", nemesis.Mixed, "both would have the clock of n1 in hand"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := Plan(t.Context(), Request{Target: "quorumkv", Faults: c.faults, Duration: 10 * time.Second, Seed: 42, Seeded: true}, env)
			if err != nil {
				t.Fatal(err)
			}
			s := &p.Plan.Schedule
			first := s.Steps[0]
			first.Nodes = []string{"n1"}
			second := first
			second.Fault, second.At = c.second, first.At+first.Hold/2
			if c.second == "loss" {
				second.Quality = &cluster.Quality{Loss: 0.1}
			}
			s.Mode, s.Steps = c.mode, []nemesis.Step{first, second}
			s.Faults = []string{c.faults, c.second}
			_, err = FromPlan(t.Context(), p.Plan, env)
			var usage *targets.UsageError
			if c.says == "" && err != nil || c.says != "" && (!errors.As(err, &usage) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), fmt.Sprintf("the plan's schedule of faults: step 2: %s begins while step 1 (%s) is on, and ", c.second, c.faults)) || !strings.Contains(err.Error(), "take the later one out")) {
				t.Errorf("%v, want %q", err, c.says)
			}
		})
	}
}

// TestTopologyIsInThePlan: regions are part of what makes a plan, and a plan without them
// says nothing of them.
func TestTopologyIsInThePlan(t *testing.T) {
	r := Request{Target: "quorumkv", Duration: 10 * time.Second, Seed: 42, Seeded: true}
	without := planned(t, r)
	r.Topology, r.Latency = "eu=2,us=1", "eu-us=80ms"
	with := planned(t, r)
	for _, want := range []string{`"topology": "eu=2,us=1"`, `"latency": "eu-us=80ms"`} {
		if !bytes.Contains(with, []byte(want)) || bytes.Contains(without, []byte(want)) {
			t.Errorf("%s is not what tells the plans apart:\n%s", want, with)
		}
	}
	if !bytes.Equal(with, planned(t, r)) {
		t.Error("the same topology gave two plans")
	}
	r.Latency = "eu-us=81ms"
	if bytes.Equal(with, planned(t, r)) {
		t.Error("another latency gave the same plan")
	}
}

func TestDrawnSeedIsInThePlan(t *testing.T) {
	r := Request{Target: "quorumkv"}
	if bytes.Equal(planned(t, r), planned(t, r)) {
		t.Error("two runs without --seed have the same plan")
	}
}

func TestBadRequests(t *testing.T) {
	good := Request{Target: "quorumkv", Duration: 10 * time.Second}
	planned(t, good)
	for _, c := range []struct {
		name   string
		change func(*Request)
		// says is in the error, which must name the place and the way out.
		says string
	}{
		{"target", func(r *Request) { r.Target = "quorumvk" }, "there are: quorumkv"},
		{"nodes", func(r *Request) { r.Nodes = 99 }, "1 to 9 nodes"},
		{"write level", func(r *Request) { r.WriteLevel = "4" }, "--write-level 4"},
		{"read level", func(r *Request) { r.ReadLevel = "LOCAL" }, "--read-level"},
		{"option", func(r *Request) { r.Options = map[string]string{"repair": "on"} }, "read_repair"},
		{"option's value", func(r *Request) { r.Options = map[string]string{"read_repair": "on"} }, "off, async, blocking"},
		{"defect", func(r *Request) { r.Options = map[string]string{"defects": "x"} }, "stale-cache"},
		{"workload", func(r *Request) { r.Workload = "regster" }, "register"},
		{"weights", func(r *Request) { r.Weights = "read=a" }, "--weights"},
		{"concurrency", func(r *Request) { r.Concurrency = "n2" }, "--concurrency"},
		{"topology", func(r *Request) { r.Topology = "eu=2,us=1" }, "--topology eu=2,us=1: regions need to be apart"},
		{"latency", func(r *Request) { r.Latency = "eu-us=80ms" }, "--latency eu-us=80ms: round trips between regions need the regions"},
		{"topology elsewhere", func(r *Request) { r.Topology, r.Latency, r.Provider = "eu=2,us=1", "eu-us=80ms", "docker" }, "only --provider sandbox or local"},
		{"slow links elsewhere", func(r *Request) { r.Faults, r.Provider = "slow", "docker" }, "only --provider sandbox or local"},
		{"loss in streams", func(r *Request) { r.Faults, r.Provider = "loss", "local" }, "fault loss needs links on which lapse can lose packets, which only --provider sandbox has"},
		{"local slow links of a database whose nodes have one address", func(r *Request) { r.Target, r.Faults, r.Provider = "etcd", "partition,slow", "local" }, "which only --provider sandbox has"},
		{"local topology of such a database", func(r *Request) {
			r.Target, r.Topology, r.Latency, r.Provider = "etcd", "eu=2,us=1", "eu-us=80ms", "local"
		}, "which only --provider sandbox has"},
		{"rate", func(r *Request) { r.Rate = -1 }, "--rate"},
		{"rate that is no number", func(r *Request) { r.Rate = math.NaN() }, "--rate"},
		{"rate without end", func(r *Request) { r.Rate = math.Inf(1) }, "--rate"},
		{"rate beyond all", func(r *Request) { r.Rate = 1e300 }, "--rate"},
		{"nodes beyond all", func(r *Request) { r.Nodes = 1e9 }, "--nodes"},
		{"keys beyond all", func(r *Request) { r.Keys = 1e9 }, "--keys"},
		{"duration beyond all", func(r *Request) { r.Duration = math.MaxInt64 }, "--duration"},
		{"faults beyond all", func(r *Request) { r.Faults, r.FaultInterval, r.Duration = "kill", time.Millisecond, time.Hour }, "--fault-interval"},
		{"schedule", func(r *Request) { r.Script = "{}" }, "--schedule"},
		{"schedule that is not there", func(r *Request) { r.Script = "none.json" }, "--schedule"},
		{"duration", func(r *Request) { r.Duration = time.Millisecond }, "--duration"},
		{"op timeout", func(r *Request) { r.OpTimeout = -time.Second }, "--op-timeout"},
		{"session", func(r *Request) { r.Session = "walk" }, "stay or roam"},
		{"faults", func(r *Request) { r.Faults = "partitoin" }, "partition"},
		{"a fault that the target cannot have", func(r *Request) { r.Faults = "kill-primary" }, "a primary"},
		{"data centres", func(r *Request) { r.Target, r.Faults = "cassandra", "partition-centres" }, "needs more than one data centre"},
		{"fault mode", func(r *Request) { r.FaultMode = "both" }, "mixed"},
		{"model", func(r *Request) { r.Models = "linearisable" }, "linearizable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := good
			c.change(&r)
			_, err := Plan(t.Context(), r, Environment{Targets: registry.All(), Providers: registry.Providers(), Log: slog.New(slog.DiscardHandler), Cache: t.TempDir()})
			var usage *targets.UsageError
			if !errors.As(err, &usage) {
				t.Fatalf("error %v is no usage error", err)
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %q does not say %q", err, c.says)
			}
		})
	}
}

// TestOwnModel plans a run with a model of the caller's own.
func TestOwnModel(t *testing.T) {
	own, err := custom.New(custom.Model{
		Name: "my-model", Spec: porcupine.Model{Init: func() any { return nil }, Step: func(state, _, _ any) (bool, any) { return true, state }},
		Operation: func(*history.History, int) (input, output any, ok bool) { return nil, nil, true },
	})
	if err != nil {
		t.Fatal(err)
	}
	env := Environment{Targets: registry.All(), Cache: t.TempDir(), Log: slog.New(slog.DiscardHandler), Models: []checkers.Checker{own}}
	p, err := Plan(t.Context(), Request{Target: "quorumkv", Models: "my-model,linearizable"}, env)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Models) != 2 || p.Models[0] != checkers.Checker(own) || p.Plan.Models != "my-model,linearizable" {
		t.Errorf("got %v", p.Plan.Models)
	}
}
