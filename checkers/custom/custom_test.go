package custom

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/anishathalye/porcupine"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/exhaust"
	"github.com/lapse-test/lapse/checkers/internal/seeds"
	"github.com/lapse-test/lapse/history"
)

// seen is the output of an answered operation.
type seen struct{ value history.Value }

// counter is a counter as a user would write it. Its state is the sum.
var counter = Model{
	Name: "my-counter",
	Spec: porcupine.Model{
		Init: func() any { return history.Value(0) },
		Step: func(state, input, output any) (bool, any) {
			sum, m := state.(history.Value), input.(history.Mop)
			if m.Func == history.Increment {
				return true, sum + m.Arg
			}
			return output == nil || output.(seen).value == sum, sum
		},
	},
	Operation: func(h *history.History, i int) (input, output any, ok bool) {
		m := *h.Mop(&h.Ops[i])
		return m, seen{m.Ret}, h.Ops[i].Outcome != history.Fail
	},
	Parts:    ByKey,
	ReadOnly: func(h *history.History, i int) bool { return h.Mop(&h.Ops[i]).Func == history.ReadCounter },
}

func check(t *testing.T, m Model, h *history.History, b checkers.Budget) checkers.Verdict {
	t.Helper()
	c, err := New(m)
	if err != nil {
		t.Fatal(err)
	}
	v, err := c.Check(t.Context(), h, b)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestAgainstExhaustiveSearch compares verdicts with every order, and wants each
// witness to be refuted by itself, and by nothing less than its last answer.
func TestAgainstExhaustiveSearch(t *testing.T) {
	t.Parallel()
	c, err := New(counter)
	if err != nil {
		t.Fatal(err)
	}
	cfg := exhaust.Config{Write: history.Increment, Read: history.ReadCounter, Ops: 7, Damage: 15}
	exhaust.Compare(t, c, cfg, 500, true)
	rounds := seeds.Choose(t, 500)
	smaller := 0
	for seed := range rounds.All() {
		h, err := exhaust.Random(seed, cfg)
		if err != nil {
			t.Fatal(err)
		}
		v := check(t, counter, h, checkers.Budget{})
		for _, x := range v.Violations {
			if x.Certified != "every order tried" || x.Key != "k0" || len(x.Steps) == 0 || !strings.Contains(x.Sentence, "no order of these") {
				t.Fatalf("seed %d: %+v", seed, x)
			}
			w := h.Subset(x.Ops)
			if exhaust.Linearizable(w) {
				t.Fatalf("seed %d: the witness %v alone is legal\n%s", seed, x.Ops, exhaust.Show(h))
			}
			if len(x.Ops) < len(h.Ops) {
				smaller++
			}
		}
	}
	if smaller == 0 {
		t.Error("no witness was smaller than its history")
	}
}

// TestBudget: a part that is decided before the budget is used up is told, one
// that is not is named.
func TestBudget(t *testing.T) {
	t.Parallel()
	read := func(session int32, k history.Key, v history.Value) exhaust.Op {
		return exhaust.Op{S: session, From: 1, To: 2, Mops: []exhaust.M{{F: history.ReadCounter, K: k, R: v}}}
	}
	h := exhaust.Build(t, nil, read(0, 0, 7), read(1, 1, 0))
	waits := counter
	waits.Spec.Step = nil
	waits.Spec.StepContext = func(ctx context.Context, state, input, output any) (bool, any) {
		if input.(history.Mop).Key == 1 {
			<-t.Context().Done() // as long as the test lasts
		}
		return counter.Spec.Step(state, input, output)
	}
	v := check(t, waits, h, checkers.Budget{Time: 1})
	if v.Status != checkers.Inconclusive || len(v.Undecided) != 2 {
		t.Errorf("without time: %s %v", v.Status, v.Undecided)
	}
	v = check(t, waits, h, checkers.Budget{Time: 2e8, Workers: 2})
	if v.Status != checkers.Violated || v.Total != 1 || v.Violations[0].Key != "k0" {
		t.Errorf("%s %+v", v.Status, v)
	}
	if !slices.ContainsFunc(v.Undecided, func(u checkers.Undecided) bool { return u.Key == "k1" && u.Reason != "" }) {
		t.Errorf("k1 is not named: %+v", v.Undecided)
	}
}

// TestNew says what lacks.
func TestNew(t *testing.T) {
	for want, change := range map[string]func(*Model){
		"name":      func(m *Model) { m.Name = "" },
		"Init":      func(m *Model) { m.Spec.Init = nil },
		"Step":      func(m *Model) { m.Spec.Step = nil },
		"Operation": func(m *Model) { m.Operation = nil },
	} {
		m := counter
		change(&m)
		if _, err := New(m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("without %s: %v", want, err)
		}
	}
	c, err := New(counter)
	if err != nil {
		t.Fatal(err)
	}
	none := exhaust.Build(t, nil, exhaust.Op{Fail: true, From: 1, To: 2, Mops: []exhaust.M{{F: history.Increment, A: 1}}})
	if c.Applies(none) == nil {
		t.Error("a history without operations of the model is accepted")
	}
}
