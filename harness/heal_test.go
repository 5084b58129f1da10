package harness

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/workloads"
)

// machines is a cluster of nodes that do nothing but run and pause.
type machines struct {
	cluster.Cluster
	nodes []cluster.Node
}

func (m *machines) Name() string                                                { return "machines" }
func (m *machines) Available(context.Context, cluster.Spec) error               { return nil }
func (m *machines) Open(context.Context, cluster.Spec) (cluster.Cluster, error) { return m, nil }
func (m *machines) Nodes() []cluster.Node                                       { return m.nodes }
func (m *machines) Close(context.Context) error                                 { return nil }
func (m *machines) Network() cluster.Network                                    { return quiet{} }

func (m *machines) Node(name string) (cluster.Node, error) {
	i := slices.IndexFunc(m.nodes, func(n cluster.Node) bool { return n.Name() == name })
	return m.nodes[i], nil
}

// quiet is a network on which everything arrives.
type quiet struct{ cluster.Network }

func (quiet) HealAll(context.Context) error             { return nil }
func (quiet) Probe(context.Context, cluster.Link) error { return nil }

// machine takes its time to go on.
type machine struct {
	cluster.Node
	name   string
	paused chan struct{} // has one element while it is paused
	resume time.Duration
}

func (m *machine) Name() string { return m.name }
func (m *machine) Pid() int     { return 1 }

func (m *machine) Pause(context.Context) error {
	m.paused <- struct{}{}
	return nil
}

func (m *machine) Resume(context.Context) error {
	time.Sleep(m.resume)
	<-m.paused
	return nil
}

func (m *machine) State() cluster.State {
	if len(m.paused) > 0 {
		return cluster.Paused
	}
	return cluster.Running
}

// healing is a run with one fault that is held beyond the end of the load.
func healing(t *testing.T, resume time.Duration) *fixture {
	t.Helper()
	f := newFixture(t, time.Second, 200, 2)
	m := &machines{}
	for _, name := range cluster.NodeNames(3) {
		m.nodes = append(m.nodes, &machine{name: name, paused: make(chan struct{}, 1), resume: resume})
	}
	f.deps.Provider = m
	f.plan.Schedule = nemesis.Schedule{
		Version: 1, Mode: nemesis.OneAtATime, Nodes: cluster.NodeNames(3), Duration: time.Second,
		Steps: []nemesis.Step{{At: 100 * time.Millisecond, Hold: time.Hour, Fault: "pause", Nodes: []string{"n2"}}},
	}
	return f
}

// TestHealPhase: the load ends when its time is up, and what heals after that has a
// phase of its own.
func TestHealPhase(t *testing.T) {
	f := healing(t, 300*time.Millisecond)
	rep, err := Run(t.Context(), f.plan, f.deps)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Faults.Healed != 1 || len(rep.Faults.Reasons()) > 0 {
		t.Errorf("faults %+v", rep.Faults)
	}
	h := f.history(t)
	var phases []string
	began := map[string]history.Time{}
	for _, e := range h.Events {
		if e.Kind == history.EventPhase {
			phases = append(phases, e.Text)
			began[e.Text] = e.At
		}
	}
	if want := []string{PhaseSetup, PhaseLoad, PhaseHeal, PhaseSettle, PhaseFinal, PhaseEnd}; !slices.Equal(phases, want) {
		t.Errorf("phases %q, want %q", phases, want)
	}
	if fault := h.Faults[0]; began[PhaseHeal] > fault.Healed || began[PhaseSettle] < fault.Healed {
		t.Errorf("healed at %d, but the phases began at %v", fault.Healed, began)
	}
}

// unrecordable is a generator whose operations cannot be recorded.
type unrecordable struct{ workloads.Generator }

func (unrecordable) Next(int, *history.Txn) (int, bool) { return 0, true }

// Done is called where another worker's error came first.
func (unrecordable) Done(int, *history.Txn, history.Outcome) {}

// TestNoErrorHidesAnother: what went wrong with a worker and with the faults is
// both said, and the worker's error ends the faults.
func TestNoErrorHidesAnother(t *testing.T) {
	f := healing(t, 0)
	f.deps.Workload = unrecordable{f.deps.Workload}
	f.plan.Duration = time.Hour
	f.plan.Schedule.Nodes = []string{"n1", "n2", "n3", "n4"}
	_, err := Run(t.Context(), f.plan, f.deps)
	if err == nil || !strings.Contains(err.Error(), "recording an invocation") || !strings.Contains(err.Error(), "injecting faults") {
		t.Errorf("error %v", err)
	}
	f = healing(t, 0)
	f.deps.Workload = unrecordable{f.deps.Workload}
	f.plan.Duration, f.plan.Schedule.Duration = time.Hour, time.Hour
	rep, err := Run(t.Context(), f.plan, f.deps)
	if err == nil || rep.Faults.Planned != 1 || rep.Faults.Injected != rep.Faults.Healed {
		t.Errorf("faults %+v, error %v", rep.Faults, err)
	}
}
