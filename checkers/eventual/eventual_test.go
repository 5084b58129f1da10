package eventual

import (
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
)

// step is one operation at time t on key 0; every operation takes 5 ns.
type step struct {
	at   history.Time
	node int16
	mop  history.Mop
	info bool
}

func write(at history.Time, v history.Value) step {
	return step{at: at, mop: history.Mop{Func: history.Write, Arg: v}}
}

func tried(at history.Time, v history.Value) step {
	s := write(at, v)
	s.info = true
	return s
}

func read(at history.Time, node int16, v history.Value) step {
	return step{at: at, node: node, mop: history.Mop{Func: history.Read, Ret: v, Flags: history.Observed}}
}

func build(t *testing.T, steps []step) *history.History {
	t.Helper()
	b := history.NewBuilder(history.Header{Source: history.SourceLapse, Initial: history.Absent, Nodes: []string{"n1", "n2", "n3"}})
	for i, s := range steps {
		op := history.Op{Invoke: s.at, Complete: s.at + 5, Process: int32(i), Session: int32(i), Error: -1, Note: -1, Node: s.node, Outcome: history.OK}
		if s.info {
			op.Complete, op.Outcome = history.Never, history.Info
		}
		b.AddPlain(op, s.mop)
	}
	b.AddEvent(history.Event{At: 100, Kind: history.EventPhase, Text: "final"})
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestCheck has pairs that differ in one operation.
func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps []step
		want  checkers.Status
		// witness are the operations of the violation.
		witness []int
	}{
		{"agree", []step{write(10, 1), write(20, 2), read(110, 0, 2), read(120, 1, 2)}, checkers.Held, nil},
		{"one replica stayed behind", []step{write(10, 1), write(20, 2), read(110, 0, 2), read(120, 1, 1)}, checkers.Violated, []int{0, 1, 2, 3}},
		{"differ during the load only", []step{write(10, 1), write(20, 2), read(30, 1, 1), read(110, 0, 2), read(120, 1, 2)}, checkers.Held, nil},
		{"a replica without the key", []step{write(10, 1), read(110, 0, 1), read(120, 1, history.Absent)}, checkers.Violated, []int{0, 1, 2}},
		{"a write without an answer takes effect late", []step{write(10, 1), tried(20, 2), read(110, 0, 1), read(120, 1, 2)}, checkers.Held, nil},
		{"and is gone again", []step{write(10, 1), tried(20, 2), read(110, 0, 1), read(120, 1, 2), read(130, 2, 1)}, checkers.Violated, []int{0, 1, 2, 3, 4}},
		{"there and back in reads that overlap", []step{write(10, 1), tried(20, 2), read(110, 0, 1), read(113, 1, 2), read(116, 2, 1)}, checkers.Held, nil},
		{"only one node asked", []step{write(10, 1), read(110, 0, 1), read(120, 0, 1)}, checkers.Inconclusive, nil},
		{"never written", []step{read(110, 0, history.Absent), read(120, 1, history.Absent)}, checkers.Inconclusive, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := build(t, c.steps)
			v, err := New().Check(t.Context(), h, checkers.Budget{})
			if err != nil {
				t.Fatal(err)
			}
			if v.Status != c.want {
				t.Fatalf("%s %v, want %s", v.Status, v.Violations, c.want)
			}
			if c.want != checkers.Violated {
				return
			}
			got := v.Violations[0].Ops
			if len(got) != len(c.witness) {
				t.Fatalf("witness %v, want %v", got, c.witness)
			}
			for i := range got {
				if got[i] != c.witness[i] {
					t.Fatalf("witness %v, want %v", got, c.witness)
				}
			}
			// The witness alone is refuted, and refuted by nothing less.
			w := h.Subset(got)
			if again, err := New().Check(t.Context(), w, checkers.Budget{}); err != nil || again.Status != checkers.Violated {
				t.Errorf("the witness alone is %s (%v)", again.Status, err)
			}
		})
	}
}

func TestFaultThatNeverHealed(t *testing.T) {
	h := build(t, []step{write(10, 1), read(110, 0, 1), read(120, 1, 1)})
	h.Faults = []history.Fault{{ID: 1, Kind: "partition", Name: "isolate n1", Injected: 5, TookEffect: 6}}
	v, err := New().Check(t.Context(), h, checkers.Budget{})
	if err != nil || v.Status != checkers.Inconclusive {
		t.Errorf("%s (%v), want inconclusive", v.Status, err)
	}
}

// TestEachReplicaByItself: where nodes were read by themselves, those reads count and
// the final reads at the run's own level, which may repair what they meet, do not.
func TestEachReplicaByItself(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps []step
		want  checkers.Status
	}{
		{"diverged, and repaired by the final reads", []step{write(10, 1), write(20, 2), read(110, 0, 2), read(120, 1, 1), read(210, 0, 2), read(220, 1, 2)}, checkers.Violated},
		{"converged", []step{write(10, 1), write(20, 2), read(110, 0, 2), read(120, 1, 2), read(210, 0, 2), read(220, 1, 2)}, checkers.Held},
	} {
		h := build(t, c.steps)
		h.Events = []history.Event{{At: 100, Kind: history.EventPhase, Text: history.PhaseReplicas}, {At: 200, Kind: history.EventPhase, Text: history.PhaseFinal}}
		v, err := New().Check(t.Context(), h, checkers.Budget{})
		if err != nil || v.Status != c.want || v.Evidence.AtRisk != 2 {
			t.Errorf("%s: %s with %d reads at risk (%v), want %s with 2", c.name, v.Status, v.Evidence.AtRisk, err, c.want)
		}
	}
}
