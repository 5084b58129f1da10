package harness

import (
	"context"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// TestLinger: while a fault is on and for a while after it, readers besides the clients
// stay at the node that it hit; without the setting there are none.
func TestLinger(t *testing.T) {
	for _, setting := range []string{LingerOn, LingerAuto, ""} {
		t.Run("setting "+setting, func(t *testing.T) {
			f := healing(t, 0)
			f.plan.Linger = setting
			f.plan.Schedule.Steps[0].Hold = 300 * time.Millisecond
			if _, err := Run(t.Context(), f.plan, f.deps); err != nil {
				t.Fatal(err)
			}
			h := f.history(t)
			fault := h.Faults[0]
			during, after := 0, 0
			for i := range h.Ops {
				op := &h.Ops[i]
				if int(op.Process) < f.plan.Clients() {
					continue
				}
				if h.NodeName(op) != "n2" || h.Mops(op)[0].Func != history.Read {
					t.Errorf("a lingerer did %v at %s", h.Mops(op), h.NodeName(op))
				}
				switch {
				case op.Invoke < fault.Injected || op.Invoke > fault.Healed+2*aftermath:
					t.Errorf("a lingerer reads at %v, and the fault was on from %v to %v", op.Invoke, fault.Injected, fault.Healed)
				case op.Invoke < fault.Healing:
					during++
				default:
					after++
				}
			}
			// The database of this test deposes nobody, so that auto means off.
			if want := setting == LingerOn; (during > 0) != want || (after > 0) != want {
				t.Errorf("%d reads while the fault was on, %d after it", during, after)
			}
		})
	}
}

// TestWhereToLinger: at those the fault was done to, else at the smaller side.
func TestWhereToLinger(t *testing.T) {
	m := &machines{}
	for _, name := range []string{"n1", "n2", "n3"} {
		m.nodes = append(m.nodes, &machine{name: name})
	}
	r := &run{cluster: m}
	for _, c := range []struct {
		name  string
		fault *history.Fault
		want  [2]int
	}{
		{"none", nil, [2]int{-1, -1}},
		{"a kill of two", &history.Fault{Nodes: []string{"n3", "n2"}}, [2]int{2, 1}},
		{"a split", &history.Fault{Groups: [][]string{{"n1", "n3"}, {"n2"}}}, [2]int{1, 1}},
		{"links without sides", &history.Fault{Cuts: []string{"n1>n2"}}, [2]int{-1, -1}},
	} {
		for nth, want := range c.want {
			if got := r.nodeOf(c.fault, nth); got != want {
				t.Errorf("%s: lingerer %d stays at %d, want %d", c.name, nth, got, want)
			}
		}
	}
}

// twoCopies is a database whose nodes can be read by themselves.
type twoCopies struct{ *memory }

func (m twoCopies) Start(context.Context, cluster.Cluster, targets.Config) (targets.System, error) {
	return m, nil
}
func (twoCopies) ReplicaLevel() string { return "lowest" }

// TestReplicasAreRead: each node is read by itself before the final reads, at the level
// that the system names, where a model is about that.
func TestReplicasAreRead(t *testing.T) {
	for _, wanted := range []bool{true, false} {
		f := newFixture(t, time.Second, 200, 2)
		f.deps.Target, f.deps.Replicas = twoCopies{f.mem}, wanted
		if _, err := Run(t.Context(), f.plan, f.deps); err != nil {
			t.Fatal(err)
		}
		h := f.history(t)
		from, to, ok := h.ReplicaReads()
		if ok != wanted {
			t.Fatalf("wanted %v: there are %v", wanted, ok)
		}
		lowest, nodes := 0, map[string]bool{}
		for i := range h.Ops {
			op := &h.Ops[i]
			if h.LevelName(op.ReadLevel) != "lowest" {
				continue
			}
			lowest++
			nodes[h.NodeName(op)] = true
			if op.Invoke < from || op.Invoke > to {
				t.Errorf("a node was read by itself at %v, not from %v to %v", op.Invoke, from, to)
			}
		}
		if (lowest > 0) != wanted || wanted && len(nodes) != 3 {
			t.Errorf("wanted %v: %d reads of %d nodes", wanted, lowest, len(nodes))
		}
	}
}
