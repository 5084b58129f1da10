package live

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/causal"
	"github.com/lapse-test/lapse/checkers/linearizable"
	known "github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/checkers/txn"
	"github.com/lapse-test/lapse/history"
)

func wrote(session int32, v history.Value) event {
	return plain(session, history.Mop{Func: history.Write, Arg: v})
}

func saw(session int32, v history.Value) event {
	return plain(session, history.Mop{Func: history.Read, Ret: v, Flags: history.Observed})
}

// goesBack has the four transactions that causal forbids together, and no three of them.
func goesBack() []event { return []event{wrote(0, 1), wrote(0, 2), saw(1, 2), saw(1, 1)} }

// others are n transactions that have nothing to do with it.
func others(n int) []event {
	var out []event
	for i := range n {
		out = append(out, plain(9, history.Mop{Func: history.Write, Key: 1, Arg: history.Value(1000 + i)}))
	}
	return out
}

func causalWindows(l Limits) *Windows {
	return NewWindows([]checkers.Checker{causal.New(causal.Causal)}, checkers.Budget{}, l)
}

// addEach adds what stands at from to to of h, each by itself.
func addEach(w *Windows, h *history.History, from, to int) {
	for i := from; i < to; i++ {
		w.Add(h.Subset([]int{i}))
	}
}

func TestInWindows(t *testing.T) {
	for _, c := range []struct {
		name     string
		monotone bool
		want     bool
	}{{causal.Causal, true, true}, {causal.Causal, false, false}, {linearizable.Model, true, false}, {linearizable.Model, false, false}} {
		if got := InWindows(checkers.Model{Name: c.name, Monotone: c.monotone}); got != c.want {
			t.Errorf("%s, monotone %t: %t", c.name, c.monotone, got)
		}
	}
}

func TestRestOfWindows(t *testing.T) {
	for took, want := range map[time.Duration]time.Duration{0: leastRest, leastRest: restFor * leastRest, windowPatience: restFor * windowPatience, time.Hour: restFor * windowPatience} {
		if got := RestOfWindows(took); got != want {
			t.Errorf("after %v: %v, want %v", took, got, want)
		}
	}
}

// TestWindowsTakeInBounds: what still has a place is taken, and judging makes place; nothing is no portion.
func TestWindowsTakeInBounds(t *testing.T) {
	h := eventsOf(t, history.Absent, goesBack())
	one := causalWindows(Limits{})
	one.Add(h)
	size := one.inbox[0].size
	for _, c := range []struct {
		room int64
		want int
	}{{size, 1}, {size + 1, 2}, {2 * size, 2}, {2*size + 1, 3}} {
		w := causalWindows(Limits{Bytes: c.room})
		for range 5 {
			w.Add(h)
		}
		if len(w.inbox) != c.want {
			t.Errorf("%d portions of %d bytes are taken into %d, want %d", len(w.inbox), size, c.room, c.want)
		}
		w.Judge(t.Context(), true)
		w.Add(h.Subset(nil))
		if len(w.inbox) != 0 {
			t.Error("nothing is taken for a portion")
		}
		w.Add(h)
		if len(w.inbox) != 1 {
			t.Errorf("%d portions are taken when those before were judged", len(w.inbox))
		}
	}
}

// TestWindowsLetGo: the oldest half goes when there is more than the bound, and never all.
func TestWindowsLetGo(t *testing.T) {
	h := eventsOf(t, history.Absent, append(goesBack(), others(8)...))
	w := causalWindows(Limits{})
	w.Add(h.Subset([]int{4}))
	size := w.inbox[0].size
	for _, c := range []struct{ room, want int }{{1, 1}, {4, 4}, {5, 5}, {6, 6}} {
		w := causalWindows(Limits{Bytes: int64(c.room) * size})
		addEach(w, h, 4, 4+c.room)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		w.Judge(gone, true)
		if len(w.kept) != c.want || w.ops != c.want || w.fresh != c.want {
			t.Errorf("of %d in room for %[1]d, %d are kept, %d operations, %d fresh", c.room, len(w.kept), w.ops, w.fresh)
		}
		addEach(w, h, 4+c.room, 4+c.room+1)
		w.Judge(gone, true)
		if want := max(1, c.room/2); len(w.kept) != want || w.ops != want || w.fresh != want || w.bytes != int64(want)*size {
			t.Errorf("of one more than %d, %d are kept, %d operations, %d fresh, %d bytes; want %d", c.room, len(w.kept), w.ops, w.fresh, w.bytes, want)
		}
	}
	large := causalWindows(Limits{Bytes: 1})
	large.Add(h)
	if found := large.Judge(t.Context(), true); len(found) != 1 {
		t.Errorf("what came last is not judged though it alone is too large: %d violations", len(found))
	}
}

// TestWindowsWait: few operations are judged when they have waited, as many as Fresh at once; what comes later does not make the first wait longer.
func TestWindowsWait(t *testing.T) {
	h := eventsOf(t, history.Absent, goesBack())
	for _, c := range []struct {
		fresh  int
		waited time.Duration
		all    bool
		want   int
	}{{4, 0, false, 1}, {5, 0, false, 0}, {5, 0, true, 1}, {5, freshFor, false, 1}} {
		w := causalWindows(Limits{Fresh: c.fresh})
		w.Add(h.Subset([]int{0}))
		w.take()
		w.since = w.since.Add(-c.waited)
		w.Add(h.Subset([]int{1, 2, 3}))
		if found := w.Judge(t.Context(), c.all); len(found) != c.want {
			t.Errorf("%+v: %d violations", c, len(found))
		}
		if w.fresh != 4*(1-c.want) {
			t.Errorf("%+v: %d are still to be judged", c, w.fresh)
		}
		w.Add(eventsOf(t, history.Absent, others(1)))
		if w.Judge(t.Context(), false); c.want == 1 && c.fresh > 1 && w.fresh != 1 {
			t.Errorf("%+v: what has just come does not wait", c)
		}
	}
}

// TestWindowsReach: besides what is fresh, a quarter more is judged, all that is kept when it may be. Pairs differ in one transaction more or less.
func TestWindowsReach(t *testing.T) {
	for _, c := range []struct {
		name                  string
		between, fresh, limit int
		rest                  float64
		again                 time.Duration
		want                  int
		whole                 bool
	}{
		{"a quarter of Fresh reaches", 0, 1, 12, 1e9, time.Hour, 1, false},
		{"a quarter of Fresh does not reach", 1, 1, 12, 1e9, time.Hour, 0, false},
		{"a quarter of what is fresh reaches", 1, 16, 4, 1e9, time.Hour, 1, false},
		{"a quarter of what is fresh does not reach", 2, 16, 4, 1e9, time.Hour, 0, false},
		{"all is judged, since it is time", 5, 1, 4, 1e9, -time.Hour, 1, true},
		{"all is judged each time", 5, 1, 4, -1, time.Hour, 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			events := append(others(5), goesBack()[:3]...)
			events = append(events, others(5 + c.between + c.fresh - 1)[5:]...)
			h := eventsOf(t, history.Absent, append(events, goesBack()[3]))
			w := causalWindows(Limits{Fresh: c.limit, Rest: c.rest})
			addEach(w, h, 0, len(h.Ops)-c.fresh)
			w.Judge(t.Context(), true)
			if now := time.Now(); c.rest > 0 && !w.again.After(now) {
				t.Error("when all was judged, it may be judged again at once")
			}
			again := time.Now().Add(c.again)
			w.again = again
			addEach(w, h, len(h.Ops)-c.fresh, len(h.Ops))
			if found := w.Judge(t.Context(), true); len(found) != c.want {
				t.Errorf("%d violations, want %d", len(found), c.want)
			}
			if w.again.Equal(again) == c.whole {
				t.Errorf("all may be judged again at %v, as before", w.again)
			}
		})
	}
}

// TestWindowsReachAll: where what is fresh and a quarter more is all that is kept, all was judged.
func TestWindowsReachAll(t *testing.T) {
	h := eventsOf(t, history.Absent, append(others(1), goesBack()...))
	for first, whole := range map[int]bool{1: true, 2: false} {
		w := causalWindows(Limits{Fresh: 4, Rest: 1e9})
		addEach(w, h, 0, first)
		w.Judge(t.Context(), true)
		again := time.Now().Add(time.Hour)
		w.again = again
		addEach(w, h, first, 4)
		if w.Judge(t.Context(), true); w.again.Equal(again) == whole {
			t.Errorf("%d were judged before: all may be judged again at %v", first, w.again)
		}
	}
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

// TestWindowsStop: after a value that was written twice no model is judged, and none that comes then; nothing is kept for them.
func TestWindowsStop(t *testing.T) {
	for twice, want := range map[bool]int{false: 1, true: 0} {
		w := causalWindows(Limits{})
		events := goesBack()
		if twice {
			events = append(events, wrote(2, 2))
		}
		w.Add(eventsOf(t, history.Absent, events))
		if found := w.Judge(t.Context(), true); len(found) != want {
			t.Errorf("twice %t: %d violations", twice, len(found))
		}
		w.Also([]checkers.Checker{causal.New(causal.Memory)})
		if names := w.Names(); len(names) != 2*want {
			t.Errorf("twice %t: %q are judged", twice, names)
		}
		w.Add(eventsOf(t, history.Absent, others(3)))
		if w.Judge(t.Context(), true); (len(w.kept) > 0) == twice || (w.ops > 0) == twice || (w.bytes > 0) == twice {
			t.Errorf("twice %t: %d portions are kept, %d operations, %d bytes", twice, len(w.kept), w.ops, w.bytes)
		}
	}
}

// TestWindowsOfTheImpossible: what cannot be together is for the history's reader to say.
func TestWindowsOfTheImpossible(t *testing.T) {
	h := eventsOf(t, history.Absent, goesBack())
	w := causalWindows(Limits{})
	w.Add(h)
	w.Add(eventsOf(t, history.Absent, []event{plain(0, history.Mop{Func: history.Write, Key: 1, Arg: 9})})) // while its process does something else
	if found := w.Judge(t.Context(), true); len(found) > 0 {
		t.Errorf("%d violations", len(found))
	}
}

// TestWindowsWithoutSessions: where no process is named, models of sessions are not judged, those without are.
func TestWindowsWithoutSessions(t *testing.T) {
	serializable, err := txn.New(known.Serializable)
	if err != nil {
		t.Fatal(err)
	}
	skew := []event{
		plain(0, history.Mop{Func: history.Read, Key: 0, Flags: history.Observed}, history.Mop{Func: history.Write, Key: 1, Arg: 1}),
		plain(1, history.Mop{Func: history.Read, Key: 1, Flags: history.Observed}, history.Mop{Func: history.Write, Key: 0, Arg: 2}),
	}
	for _, c := range []struct {
		model     checkers.Checker
		initial   history.Value
		events    []event
		anonymous int
	}{{causal.New(causal.Causal), history.Absent, goesBack(), 0}, {serializable, 0, skew, 1}} {
		for sessions, want := range map[string]int{"": 1, history.SessionsNone: c.anonymous} {
			h := eventsOf(t, c.initial, c.events)
			h.Header.Attributes = map[string]string{history.AttributeSessions: sessions}
			w := NewWindows([]checkers.Checker{c.model}, checkers.Budget{}, Limits{})
			w.Add(h)
			if found := w.Judge(t.Context(), true); len(found) != want {
				t.Errorf("%s, sessions %q: %d violations", c.model.Model().Name, sessions, len(found))
			}
		}
	}
}

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
