package live

import (
	"cmp"
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/gen"
	"github.com/lapse-test/lapse/checkers/internal/seeds"
	"github.com/lapse-test/lapse/checkers/linearizable"
	"github.com/lapse-test/lapse/checkers/regular"
	"github.com/lapse-test/lapse/checkers/session"
	"github.com/lapse-test/lapse/checkers/staleness"
	"github.com/lapse-test/lapse/checkers/witness"
	"github.com/lapse-test/lapse/history"
)

func models() []checkers.Checker {
	return []checkers.Checker{
		linearizable.New(linearizable.Auto), regular.New(regular.Regular), session.New(session.ReadYourWrites),
		session.New(session.MonotonicReads), staleness.Strict(),
	}
}

// shape draws a history of some keys with unique values, of a store that may lie.
func shape(seed uint64) gen.Register {
	rng := rand.New(rand.NewPCG(seed, 0x117e))
	c := gen.Register{Ops: 10 + rng.IntN(60), Sessions: 1 + rng.IntN(5), Keys: 1 + rng.IntN(4), Writes: 0.4, Info: 0.1 * rng.Float64(), Fail: 0.1, Ties: rng.IntN(2) == 0}
	if rng.IntN(2) == 0 {
		c.CAS, c.Lost, c.Strange = 0.2, 0.2*float64(rng.IntN(2)), 0.1*float64(rng.IntN(2))
	}
	c.Delete = 0.15 * float64(rng.IntN(2))
	switch rng.IntN(3) {
	case 0:
		c.Stale = 0.1
	case 1:
		c.Lie = 0.1
	}
	return c
}

// shuffle brings order into any in which each session's operations stay in theirs.
func shuffle(rng *rand.Rand, h *history.History, order []int) {
	rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	places := map[int32][]int{} // of each session
	for at, i := range order {
		p := h.Ops[i].Session
		places[p] = append(places[p], at)
	}
	for p, at := range places {
		for i := range h.Ops {
			if h.Ops[i].Session == p {
				order[at[0]], at = i, at[1:]
			}
		}
	}
}

// take has w take h.
func take(t *testing.T, w *Watch, h *history.History) {
	t.Helper()
	if !w.Add(h) {
		t.Fatal("not taken, though nothing waits")
	}
}

// TestFoundIsViolated feeds histories in the order of their answers, and in any order, cut
// at random places: what is found at any time is a violation of the whole.
func TestFoundIsViolated(t *testing.T) {
	rounds := seeds.Choose(t, 3000)
	t.Log(rounds)
	found, missed, violated := 0, 0, 0
	for seed := range rounds.All() {
		h, err := shape(seed).History(seed)
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(seed, 1))
		order := make([]int, len(h.Ops))
		for i := range order {
			order[i] = i
		}
		if rng.IntN(2) == 0 {
			slices.SortFunc(order, func(a, b int) int { return cmp.Compare(h.Ops[a].Complete, h.Ops[b].Complete) })
		} else {
			shuffle(rng, h, order)
		}
		w := New(models(), checkers.Budget{})
		if rng.IntN(3) == 0 {
			w.most = 8 // operations are let go
		}
		w.group, w.eager = 1+rng.IntN(100), rng.IntN(100)
		single := New(models(), checkers.Budget{}) // judges each key for itself and at once
		single.group, single.most = 1, w.most
		got, alone := map[string]bool{}, map[string]bool{}
		for len(order) > 0 {
			n := 1 + rng.IntN(len(order))
			take(t, w, h.Subset(order[:n]))
			take(t, single, h.Subset(order[:n]))
			order = order[n:]
			for _, f := range single.Judge(context.Background()) {
				alone[f.Model] = true
			}
			rest := w.Judge(context.Background())
			for range maxWaits { // what waits is judged in the end
				if len(order) == 0 {
					rest = append(rest, w.Judge(context.Background())...)
				}
			}
			for _, f := range rest {
				got[f.Model] = true
				if len(f.History.Ops) != len(f.Ops) || f.History.KeyName(f.History.Mop(&f.History.Ops[0]).Key) != f.Key {
					t.Errorf("seed %d: the witness of %q is not its own", seed, f.Sentence)
				}
				if f.Certified == "" && refuted(t, &f) {
					t.Errorf("seed %d: %q was checked again, which is not said", seed, f.Sentence)
				}
			}
		}
		if w.most == maxWindow && !maps.Equal(got, alone) {
			t.Errorf("seed %d: %v is violated, and %v where each key is judged for itself and at once", seed, got, alone)
		}
		for _, c := range models() {
			v, err := c.Check(context.Background(), h, checkers.Budget{})
			if err != nil {
				t.Fatal(err)
			}
			switch name := c.Model().Name; {
			case got[name] && v.Total == 0:
				t.Errorf("seed %d: %s is violated while it runs, and %s in the end: %v %v", seed, name, v.Status, v.Undecided, v.Reasons)
			case got[name]:
				found++
			case v.Total > 0:
				missed++
			}
			if v.Total > 0 {
				violated++
			}
		}
	}
	t.Logf("%d verdicts violated: %d found while it ran, %d left to the verdict on the whole", violated, found, missed)
	if found < violated/4 {
		t.Errorf("only %d of %d were found while it ran", found, violated)
	}
}

// refuted tells whether f can be checked again by other means.
func refuted(t *testing.T, f *Found) bool {
	t.Helper()
	for _, c := range models() {
		if c.Model().Name == f.Model {
			by, err := witness.Verify(t.Context(), f.History, c.Model(), &f.Violation)
			return err == nil && by != ""
		}
	}
	return false
}

// TestFullIsNotTaken: what does not fit waits for nobody, and what was taken is judged.
func TestFullIsNotTaken(t *testing.T) {
	h, err := shape(1).History(1)
	if err != nil {
		t.Fatal(err)
	}
	w := New(models(), checkers.Budget{})
	w.waiting = len(h.Ops)
	take(t, w, h)
	if w.Add(h) {
		t.Error("twice as many operations wait as may")
	}
	w.Judge(t.Context())
	if ops, _ := w.Counts(); ops != len(h.Ops) {
		t.Errorf("%d operations came, and %d are counted", len(h.Ops), ops)
	}
	take(t, w, h)
}

// TestStaleIsFound: the pair that differs in what one read saw.
func TestStaleIsFound(t *testing.T) {
	for value, want := range map[history.Value]int{1: len(models()), 2: 0} {
		b := history.NewBuilder(history.Header{Source: "test", Initial: history.Absent})
		add := func(at history.Time, m history.Mop) {
			b.AddPlain(history.Op{Invoke: at, Complete: at + 1, Outcome: history.OK, Error: -1, Note: -1, Node: -1}, m)
		}
		k := b.Key("k")
		add(10, history.Mop{Func: history.Write, Key: k, Arg: 1})
		add(15, history.Mop{Func: history.Read, Key: k, Ret: 1, Flags: history.Observed})
		add(20, history.Mop{Func: history.Write, Key: k, Arg: 2})
		add(25, history.Mop{Func: history.Read, Key: k, Ret: 2, Flags: history.Observed})
		add(30, history.Mop{Func: history.Read, Key: k, Ret: value, Flags: history.Observed})
		h, err := b.History()
		if err != nil {
			t.Fatal(err)
		}
		w := New(models(), checkers.Budget{})
		take(t, w, h)
		if got := w.Judge(t.Context()); len(got) != want {
			t.Errorf("read %d: %d violations, expected %d", value, len(got), want)
		}
		if got := w.Judge(t.Context()); len(got) != 0 {
			t.Errorf("read %d: told again: %v", value, got)
		}
	}
}

// TestKeysAreLetGo: of many keys, each used for a while, few are kept.
func TestKeysAreLetGo(t *testing.T) {
	w := New(models(), checkers.Budget{})
	most := 0
	for i := range 300 {
		b := history.NewBuilder(history.Header{Source: "test", Initial: history.Absent})
		at := history.Time(i) * 1e9
		b.AddPlain(history.Op{Invoke: at, Complete: at + 1, Outcome: history.OK, Error: -1, Note: -1, Node: -1}, history.Mop{Func: history.Write, Key: history.Key(i), Arg: 1})
		h, err := b.History()
		if err != nil {
			t.Fatal(err)
		}
		take(t, w, h)
		w.Judge(t.Context())
		_, keys := w.Counts()
		most = max(most, keys)
	}
	if most > 35 {
		t.Errorf("%d keys were kept, though each was used for a second", most)
	}
}
