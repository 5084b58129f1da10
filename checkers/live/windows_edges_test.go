package live

import (
	"context"
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
