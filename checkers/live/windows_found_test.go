package live

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/causal"
	known "github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/checkers/txn"
	"github.com/lapse-test/lapse/history"
)

// answering is a checker that answers what it was made for, and counts how often it is asked.
type answering struct {
	checkers.Checker
	verdict checkers.Verdict
	err     error
	asked   *int
}

func (a answering) Check(context.Context, *history.History, checkers.Budget) (checkers.Verdict, error) {
	*a.asked++
	return a.verdict, a.err
}

// TestWindowsRest: when nothing came, nothing is judged.
func TestWindowsRest(t *testing.T) {
	asked := 0
	w := NewWindows([]checkers.Checker{answering{causal.New(causal.Causal), checkers.Verdict{Status: checkers.Held}, nil, &asked}}, checkers.Budget{}, Limits{Rest: -1})
	w.Add(eventsOf(t, history.Absent, goesBack()))
	for range 3 {
		if w.Judge(t.Context(), true); asked != 1 {
			t.Errorf("asked %d times", asked)
		}
	}
}

// TestWindowsAskTheStrongest: weaker models are asked when a stronger one is violated, whether or not it shows by what; which of the strongest it is does not matter.
func TestWindowsAskTheStrongest(t *testing.T) {
	for _, c := range []struct {
		name    string
		verdict checkers.Verdict
		err     error
		asked   bool
	}{
		{"held", checkers.Verdict{Status: checkers.Held}, nil, false},
		{"inconclusive", checkers.Verdict{Status: checkers.Inconclusive}, nil, false},
		{"violated", checkers.Verdict{Status: checkers.Violated}, nil, true},
		{"failed", checkers.Verdict{Status: checkers.Violated}, errors.New("failed"), false},
	} {
		strong, weak := 0, 0
		w := NewWindows([]checkers.Checker{
			answering{causal.New(causal.Memory), c.verdict, c.err, &strong}, answering{causal.New(causal.Causal), checkers.Verdict{Status: checkers.Held}, nil, &weak},
		}, checkers.Budget{}, Limits{})
		w.Add(eventsOf(t, history.Absent, goesBack()))
		w.Judge(t.Context(), true)
		if strong == 0 || weak > 0 != c.asked {
			t.Errorf("%s: asked %d and %d times", c.name, strong, weak)
		}
	}
	asked := 0
	holds := answering{causal.New(causal.Convergent), checkers.Verdict{Status: checkers.Held}, nil, &asked}
	for _, list := range [][]checkers.Checker{{holds, causal.New(causal.Memory)}, {causal.New(causal.Memory), holds}} {
		w := NewWindows(list, checkers.Budget{}, Limits{})
		w.Add(eventsOf(t, history.Absent, goesBack()))
		if found := w.Judge(t.Context(), true); len(found) != 1 {
			t.Errorf("%d violations", len(found))
		}
	}
}

// TestWindowsVerify: a witness that proves nothing is left out, and who certified one is kept.
func TestWindowsVerify(t *testing.T) {
	h := eventsOf(t, history.Absent, goesBack())
	real, err := causal.New(causal.Causal).Check(t.Context(), h, checkers.Budget{}.WithDefaults())
	if err != nil || len(real.Violations) != 1 {
		t.Fatalf("%+v, %v", real, err)
	}
	for _, c := range []struct {
		ops       []int
		certified string
		want      int
	}{{real.Violations[0].Ops, "", 1}, {real.Violations[0].Ops, "somebody", 1}, {real.Violations[0].Ops[:1], "somebody", 0}} {
		x, asked := real.Violations[0], 0
		x.Ops, x.Certified = c.ops, c.certified
		w := NewWindows([]checkers.Checker{answering{causal.New(causal.Causal), checkers.Verdict{Status: checkers.Violated, Violations: []checkers.Violation{x}}, nil, &asked}}, checkers.Budget{}, Limits{})
		w.Add(h)
		found := w.Judge(t.Context(), true)
		if len(found) != c.want {
			t.Fatalf("%v: %d violations", c.ops, len(found))
		}
		if c.want == 1 && (found[0].Certified == "" || c.certified != "" && found[0].Certified != c.certified) {
			t.Errorf("certified by %q, then by %q", c.certified, found[0].Certified)
		}
	}
}

// TestWindowsTellNoMore: of what a checker finds at once, so many are told as there may be.
func TestWindowsTellNoMore(t *testing.T) {
	h := eventsOf(t, history.Absent, slices.Concat(goesBack(), []event{saw(2, 2), saw(2, 1), saw(3, 2), saw(3, 1)}))
	three, err := causal.New(causal.Causal).Check(t.Context(), h, checkers.Budget{}.WithDefaults())
	if err != nil || len(three.Violations) != 3 {
		t.Fatalf("%+v, %v", three, err)
	}
	for most, want := range map[int]int{1: 1, 2: 2, 3: 3, 4: 3} {
		asked := 0
		w := NewWindows([]checkers.Checker{answering{causal.New(causal.Causal), three, nil, &asked}}, checkers.Budget{MaxViolations: most}, Limits{})
		w.Add(h)
		if found := w.Judge(t.Context(), true); len(found) != want || len(w.Names()) > 0 != (most > want) {
			t.Errorf("of at most %d, %d are told, and %q judged on", most, len(found), w.Names())
		}
	}
}

// TestWindowsShowAll: the earliest violation comes first whatever model it is of; faults and whole lists are shown with it, and it is said when elements of a list are not named.
func TestWindowsShowAll(t *testing.T) {
	h := eventsOf(t, history.Absent, slices.Concat(goesBack(), []event{saw(2, 2), saw(2, 1)}))
	h.Faults = []history.Fault{{ID: 1, Name: "kill n1"}}
	w := NewWindows([]checkers.Checker{causal.New(causal.Causal), causal.New(causal.Memory)}, checkers.Budget{}, Limits{})
	w.Add(h)
	found := w.Judge(t.Context(), true)
	if len(found) != 4 || !slices.IsSortedFunc(found, func(a, b Found) int { return cmp.Compare(a.At, b.At) }) {
		t.Errorf("%d violations: %+v", len(found), found)
	}
	for _, f := range found {
		if len(f.History.Faults) != 1 {
			t.Errorf("%d faults are shown", len(f.History.Faults))
		}
	}

	committed, err := txn.New(known.ReadCommitted)
	if err != nil {
		t.Fatal(err)
	}
	events := []event{appends(0, 0, 1), appends(0, 0, 2), reads(1, []history.Value{1, 2}), reads(1, []history.Value{2, 1})}
	for missing, events := range map[int][]event{0: events, 1: {events[0], events[1], reads(1, []history.Value{3, 1, 2}), events[3]}} {
		w := NewWindows([]checkers.Checker{committed}, checkers.Budget{}, Limits{})
		w.Add(eventsOf(t, history.Absent, events))
		found := w.Judge(t.Context(), true)
		if len(found) == 0 {
			t.Fatalf("%d elements missing: nothing is found", missing)
		}
		if told := strings.Contains(found[0].Sentence, "Of lists, only the elements are named"); told != (missing > 0) {
			t.Errorf("%d elements missing: %s", missing, found[0].Sentence)
		}
		raw := found[0].History
		if got := len(raw.List(&raw.Mops(&raw.Ops[2])[0])); got != 2+missing {
			t.Errorf("%d elements missing: a list of %d elements is shown", missing, got)
		}
	}
}

// TestIdentity: an operation is known by its process and its times, and a violation by its operations in any order.
func TestIdentity(t *testing.T) {
	two := func(op history.Op) *history.History {
		op.Error, op.Note, op.Node, op.Outcome = -1, -1, -1, history.OK
		b := history.NewBuilder(history.Header{Source: "test"})
		b.AddPlain(history.Op{Invoke: 1, Complete: 2, Process: 1, Error: -1, Note: -1, Node: -1, Outcome: history.OK}, history.Mop{Func: history.Write, Arg: 1})
		b.AddPlain(op, history.Mop{Func: history.Write, Arg: 2})
		h, err := b.History()
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	base := two(history.Op{Invoke: 10, Complete: 20, Process: 2})
	id := identity(base, []int{0, 1})
	for _, ops := range [][]int{{1, 0}, {0, 1, 1}, {1, 0, 1}} {
		if got := identity(base, ops); got != id {
			t.Errorf("%v is %q, and the same in another order %q", ops, got, id)
		}
	}
	for _, op := range []history.Op{{Invoke: 11, Complete: 20, Process: 2}, {Invoke: 10, Complete: 21, Process: 2}, {Invoke: 10, Complete: 20, Process: 3}} {
		if got := identity(two(op), []int{0, 1}); got == id {
			t.Errorf("%+v is taken for another operation: %q", op, got)
		}
	}
	if identity(base, []int{0}) == id {
		t.Error("one operation is taken for two")
	}
}
