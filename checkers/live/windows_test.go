package live

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/causal"
	"github.com/lapse-test/lapse/checkers/internal/gen"
	"github.com/lapse-test/lapse/checkers/internal/seeds"
	known "github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/checkers/sequential"
	"github.com/lapse-test/lapse/checkers/txn"
	"github.com/lapse-test/lapse/history"
)

// TestWindowsOfRegisters feeds histories in the order of their answers, and in any order, cut
// at random places: what windows find at any time is a violation of the whole, and where the
// last one is the whole, with no read of nothing, they find what the whole violates.
func TestWindowsOfRegisters(t *testing.T) {
	rounds := seeds.Choose(t, 2000)
	t.Log(rounds)
	var list []checkers.Checker
	for _, m := range slices.Concat(causal.Models(), sequential.Models()) {
		list = append(list, m.New())
	}
	found, missed := 0, 0
	for seed := range rounds.All() {
		c := shape(seed)
		c.Ops = 5 + c.Ops/2 // sequential is searched
		rng := rand.New(rand.NewPCG(seed, 2))
		c.Zero = rng.IntN(3) == 0
		h, err := c.History(seed)
		if err != nil {
			t.Fatal(err)
		}
		order := make([]int, len(h.Ops))
		for i := range order {
			order[i] = i
		}
		if rng.IntN(2) == 0 {
			slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(h.Ops[a].Complete, h.Ops[b].Complete) })
		} else {
			shuffle(rng, h, order)
		}
		l := Limits{Rest: -1}
		if rng.IntN(2) == 0 {
			l = Limits{Fresh: 1 + rng.IntN(8), Bytes: 1 + int64(rng.IntN(4000)), Rest: 1e9}
		}
		w := NewWindows(list, checkers.Budget{}, l)
		got, told := map[string]string{}, map[string]bool{}
		for len(order) > 0 {
			n := 1 + rng.IntN(len(order))
			w.Add(h.Subset(order[:n]))
			order = order[n:]
			for _, f := range w.Judge(context.Background(), true) {
				id := f.Model + " " + identity(f.History, f.Ops)
				if told[id] {
					t.Errorf("seed %d: %s is told twice", seed, id)
				}
				got[f.Model], told[id] = f.Sentence, true
				if slices.Max(f.Ops) >= len(f.History.Ops) {
					t.Errorf("seed %d: the witness of %q is not in its window", seed, f.Sentence)
				}
			}
		}
		for _, c := range list {
			v, err := c.Check(context.Background(), h, checkers.Budget{})
			if err != nil {
				t.Fatal(err)
			}
			switch name := c.Model().Name; {
			case got[name] != "" && v.Total == 0:
				t.Errorf("seed %d: %s is violated while it comes (%s), and %s in the end: %v", seed, name, got[name], v.Status, v.Reasons)
			case got[name] != "":
				found++
			case v.Total > 0:
				missed++
			}
		}
	}
	t.Logf("%d violations found while they came, %d only in the end", found, missed)
	if found < int(rounds.N)/4 {
		t.Errorf("only %d violations were found in %d histories: the test says little", found, rounds.N)
	}
}

// event is one transaction of a table: its session, whether it was acknowledged, and what it did.
type event struct {
	session int32
	outcome history.Outcome
	mops    []history.Mop
	lists   [][]history.Value // of each mop, nil if it returned none
}

func appends(session int32, key history.Key, v history.Value) event {
	return event{session, history.OK, []history.Mop{{Func: history.Append, Key: key, Arg: v}}, [][]history.Value{nil}}
}

func reads(session int32, lists ...[]history.Value) event {
	e := event{session, history.OK, nil, lists}
	for k := range lists {
		e.mops = append(e.mops, history.Mop{Func: history.ReadList, Key: history.Key(k)})
	}
	return e
}

func plain(session int32, mops ...history.Mop) event {
	return event{session, history.OK, mops, make([][]history.Value, len(mops))}
}

func eventsOf(t *testing.T, initial history.Value, events []event) *history.History {
	t.Helper()
	b := history.NewBuilder(history.Header{Source: "test", Initial: initial})
	var txn history.Txn
	for i, e := range events {
		txn.Reset()
		for j, m := range e.mops {
			txn.Mops = append(txn.Mops, m)
			if m.Func == history.ReadList {
				txn.SetList(j, e.lists[j])
			}
		}
		at := history.Time(10 * i)
		op := history.Op{Invoke: at, Complete: at + 5, Outcome: e.outcome, Process: e.session, Session: e.session, Error: -1, Note: -1, Node: -1}
		b.Add(op, &txn)
	}
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestWindowsSayNothingOfWhatMayCome: pairs of histories that differ in one transaction, of which
// windows must tell one, and must not the other, which may still be right.
func TestWindowsSayNothingOfWhatMayCome(t *testing.T) {
	list := func(v ...history.Value) []history.Value { return append([]history.Value{}, v...) }
	read := func(k history.Key, v history.Value) history.Mop {
		return history.Mop{Func: history.Read, Key: k, Ret: v, Flags: history.Observed}
	}
	write := func(k history.Key, v history.Value) history.Mop {
		return history.Mop{Func: history.Write, Key: k, Arg: v}
	}
	failed := appends(0, 0, 2)
	failed.outcome = history.Fail
	for _, c := range []struct {
		name     string
		model    string
		initial  history.Value
		events   []event
		violated bool
	}{
		{"long fork", known.Serializable, history.Absent, []event{appends(0, 0, 1), appends(1, 1, 2), reads(2, list(1), list()), reads(3, list(), list(2))}, true},
		{"long fork of which an append may still come before", known.Serializable, history.Absent, []event{appends(0, 0, 1), reads(2, list(1), list()), reads(3, list(), list(2))}, false},
		{"orders that differ", known.ReadCommitted, history.Absent, []event{appends(0, 0, 1), appends(0, 0, 2), reads(1, list(1, 2)), reads(1, list(2, 1))}, true},
		{"orders that may not differ", known.ReadCommitted, history.Absent, []event{appends(0, 0, 1), reads(1, list(1, 2)), reads(1, list(2, 1))}, false},
		{"an element whose append failed", known.ReadCommitted, history.Absent, []event{failed, reads(1, list(2))}, true},
		{"an element whose append has not come", known.ReadCommitted, history.Absent, []event{reads(1, list(2))}, false},
		{"the same list, of which only the first append is missing", known.StrictSerializable, history.Absent, []event{appends(0, 0, 2), appends(0, 0, 3), reads(1, list(1, 2))}, true},
		{"the same list, and its end is missing", known.StrictSerializable, history.Absent, []event{appends(0, 0, 2), appends(0, 0, 3), reads(1, list(2, 3, 1))}, false},
		{"write skew from nothing, before which there may be deletes", known.Serializable, history.Absent, []event{plain(0, read(0, history.Absent), write(1, 1)), plain(1, read(1, history.Absent), write(0, 2))}, false},
		{"write skew from an initial value", known.Serializable, 0, []event{plain(0, read(0, 0), write(1, 1)), plain(1, read(1, 0), write(0, 2))}, true},
		{"a value written twice", known.Serializable, 0, []event{plain(0, read(0, 0), write(1, 1)), plain(1, read(1, 0), write(0, 2)), plain(2, write(0, 2))}, false},
		{"the initial value written again", known.Serializable, 0, []event{plain(0, read(0, 0), write(1, 1)), plain(1, read(1, 0), write(0, 2)), plain(2, write(0, 0))}, false},
		{"a session goes back", causal.Causal, history.Absent, []event{plain(0, write(0, 1)), plain(0, write(0, 2)), plain(1, read(0, 2)), plain(1, read(0, 1))}, true},
		{"a session may go on", causal.Causal, history.Absent, []event{plain(0, write(0, 1)), plain(1, read(0, 2)), plain(1, read(0, 1))}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			checker, err := txn.New(c.model)
			one := checkers.Checker(checker)
			if err != nil {
				one = causal.New(c.model)
			}
			w := NewWindows([]checkers.Checker{one}, checkers.Budget{}, Limits{})
			w.Add(eventsOf(t, c.initial, c.events))
			if early := w.Judge(context.Background(), false); len(early) > 0 {
				t.Error("few operations that have just come are judged at once")
			}
			found := w.Judge(context.Background(), true)
			if got := len(found) > 0; got != c.violated {
				t.Errorf("violated: %v, want %v: %+v", got, c.violated, found)
			}
		})
	}
}

// TestWindowsTellEach: each read that goes back is told once, however often windows show it, and so many at most as get a witness.
func TestWindowsTellEach(t *testing.T) {
	const most = 7
	for bad, want := range map[int]int{0: 0, 1: 1, 2: 2, 3: 3, most + 5: most} {
		w := NewWindows([]checkers.Checker{causal.New(causal.Causal)}, checkers.Budget{MaxViolations: most}, Limits{Rest: -1})
		var events []event
		for i := range 4 {
			events = append(events, plain(0, history.Mop{Func: history.Write, Arg: history.Value(1 + i)}))
		}
		read := func(session int32, v history.Value) event {
			return plain(session, history.Mop{Func: history.Read, Ret: v, Flags: history.Observed})
		}
		for i := range int32(bad) {
			events = append(events, read(1+i, 4), read(1+i, 1))
		}
		h := eventsOf(t, history.Absent, events)
		told := map[string]int{}
		for i := range h.Ops {
			w.Add(h.Subset([]int{i}))
			for _, f := range w.Judge(t.Context(), true) {
				told[identity(f.History, f.Ops)]++
			}
		}
		if len(told) != want {
			t.Errorf("of %d reads that go back %d violations were told, expected %d", bad, len(told), want)
		}
		for id, n := range told {
			if n > 1 {
				t.Errorf("%s was told %d times", id, n)
			}
		}
		if w.Names() == nil != (want == most) {
			t.Errorf("of %d reads that go back, %v are judged on", bad, w.Names())
		}
	}
}

// TestWindowsForget: what is kept is bounded, and what is let go is not judged.
func TestWindowsForget(t *testing.T) {
	w := NewWindows([]checkers.Checker{causal.New(causal.Causal)}, checkers.Budget{}, Limits{Bytes: 1 << 14, Rest: -1})
	h, err := gen.Shape{Ops: 2000, Clients: 5, Keys: 3, Writes: 0.5}.History(1)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(h.Ops); i += 20 {
		var part []int
		for j := i; j < min(i+20, len(h.Ops)); j++ {
			part = append(part, j)
		}
		w.Add(h.Subset(part))
		if found := w.Judge(context.Background(), true); len(found) > 0 {
			t.Fatalf("a false alarm: %s", found[0].Sentence)
		}
		if w.bytes > w.limits.Bytes || w.ops < 4 {
			t.Fatalf("%d operations and %d bytes are kept", w.ops, w.bytes)
		}
	}
}

// TestWindowsInterrupted: what was not judged since it was interrupted is judged the next time.
func TestWindowsInterrupted(t *testing.T) {
	w := NewWindows([]checkers.Checker{causal.New(causal.Causal)}, checkers.Budget{}, Limits{})
	read := func(v history.Value) history.Mop {
		return history.Mop{Func: history.Read, Ret: v, Flags: history.Observed}
	}
	write := func(v history.Value) history.Mop { return history.Mop{Func: history.Write, Arg: v} }
	w.Add(eventsOf(t, history.Absent, []event{plain(0, write(1)), plain(0, write(2)), plain(1, read(2)), plain(1, read(1))}))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if found := w.Judge(gone, true); len(found) > 0 {
		t.Errorf("found though it was interrupted before: %s", found[0].Sentence)
	}
	if found := w.Judge(t.Context(), true); len(found) != 1 {
		t.Errorf("%d violations, expected one", len(found))
	}
	if found := w.Judge(t.Context(), true); len(found) > 0 {
		t.Errorf("told again: %s", found[0].Sentence)
	}
}

// spy is a checker of a model for windows that keeps the budget with which it is asked.
type spy struct {
	checkers.Checker
	asked *checkers.Budget
}

func (s spy) Check(ctx context.Context, h *history.History, b checkers.Budget) (checkers.Verdict, error) {
	*s.asked = b
	return s.Checker.Check(ctx, h, b)
}

// TestWindowsAreModest: a search in a window gets less memory than one for the verdict, one
// processor, and never more than the user said.
func TestWindowsAreModest(t *testing.T) {
	for memory, want := range map[int64]int64{0: windowMemory, 1 << 40: windowMemory, 1 << 20: 1 << 20} {
		var got checkers.Budget
		w := NewWindows([]checkers.Checker{spy{causal.New(causal.Causal), &got}}, checkers.Budget{Memory: memory, Workers: 64}, Limits{})
		h, err := shape(1).History(1)
		if err != nil {
			t.Fatal(err)
		}
		w.Add(h)
		w.Judge(t.Context(), true)
		if got.Memory != want || got.Workers != 1 || got.Time > windowPatience {
			t.Errorf("of %d bytes: %+v", memory, got)
		}
	}
}
