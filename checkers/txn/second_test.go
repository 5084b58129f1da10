package txn

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/seeds"
	"github.com/lapse-test/lapse/checkers/txn/internal/brute"
	"github.com/lapse-test/lapse/checkers/txn/internal/decide"
	"github.com/lapse-test/lapse/checkers/txn/internal/dsg"
	"github.com/lapse-test/lapse/checkers/txn/internal/gen"
	"github.com/lapse-test/lapse/checkers/txn/internal/guard"
	"github.com/lapse-test/lapse/checkers/txn/internal/ir"
	"github.com/lapse-test/lapse/history"
)

var middleConfigs = []gen.Config{
	{Txns: 40, Sessions: 5, Keys: 4, Mops: 4, Lists: true, Calm: true},
	{Txns: 30, Sessions: 4, Keys: 4, Mops: 3, Calm: true},
	{Txns: 30, Sessions: 4, Keys: 3, Mops: 4, ReadFirst: true, Calm: true},
	{Txns: 40, Sessions: 6, Keys: 6, Mops: 3, Mixed: true, Calm: true},
	{Txns: 24, Sessions: 3, Keys: 3, Mops: 3, Clockless: true, Calm: true},
	{Txns: 40, Sessions: 5, Keys: 8, Mops: 2, Lists: true},
}

// TestDifferentialSearch compares the graph searches with the search over
// version orders, which works on bit matrices of relations, on histories that
// are too large for brute force.
func TestDifferentialSearch(t *testing.T) {
	t.Parallel()
	runs := seeds.Choose(t, 600)
	held, violated, hard := 0, 0, 0
	for seed := range runs.All() {
		h, err := gen.History(seed, middleConfigs[seed%uint64(len(middleConfigs))])
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		gd := guard.New(context.Background(), checkers.Budget{})
		a, err := decide.New(context.Background(), h, h, checkers.Budget{})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		r, err := ir.Build(h, h, guard.New(context.Background(), checkers.Budget{}))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		d := dsg.New(r)
		between := appendedBetween(h)
		for _, m := range models() {
			// The search knows nothing of anomalies inside transactions, and is for
			// levels that depend on version orders.
			if m.NoOrder || a.Direct(m.refuted).Total > 0 {
				continue
			}
			order := make([]int32, d.N)
			for i := range order {
				order[i] = int32(i)
			}
			want, err := newSolver(d, &m, order).run(gd)
			if errors.Is(err, errTooHard) {
				hard++
				continue
			}
			if err != nil {
				t.Fatalf("seed %d, %s: %v", seed, m.Name, err)
			}
			// A transaction is one version of a key to the search.
			want = want && !between
			o, err := a.Decide(&m.Level, m.refuted)
			if err != nil {
				t.Fatalf("seed %d, %s: %v", seed, m.Name, err)
			}
			if want {
				held++
			} else {
				violated++
			}
			for i := range o.Violations {
				wellFormed(t, h, &o.Violations[i])
			}
			if (o.Status == checkers.Violated) == want {
				t.Fatalf("seed %d, %s: %s %v, the search says holds = %v\n%s", seed, m.Name, o.Status, o.Violations, want, show(h))
			}
		}
	}
	t.Logf("%s: %d times held, %d times violated, %d times too hard for the second opinion", runs, held, violated, hard)
	if held == 0 || violated == 0 || hard > (held+violated)/10 {
		t.Errorf("%d times held, %d times violated, %d times too hard: that says too little", held, violated, hard)
	}
}

// appendedBetween tells whether some list has another's element right after one of two that a
// transaction appended one after the other: that is a dirty write, of which the second need not be seen.
func appendedBetween(h *history.History) bool {
	type element struct {
		key history.Key
		v   history.Value
	}
	by, next := map[element]int{}, map[element]element{}
	for i := range h.Ops {
		last := map[history.Key]element{}
		for _, m := range h.Mops(&h.Ops[i]) {
			if m.Func != history.Append {
				continue
			}
			e := element{m.Key, m.Arg}
			if before, ok := last[m.Key]; ok {
				next[before] = e
			}
			by[e], last[m.Key] = i, e
		}
	}
	for i := range h.Ops {
		if h.Ops[i].Outcome == history.Fail {
			continue
		}
		mops := h.Mops(&h.Ops[i])
		for j := range mops {
			m := &mops[j]
			if m.Func != history.ReadList || m.Flags&history.Observed == 0 {
				continue
			}
			list := h.List(m)
			for x := 0; x+1 < len(list); x++ {
				e := element{m.Key, list[x]}
				if second, two := next[e]; two && by[e] != i && list[x+1] != second.v {
					return true
				}
			}
		}
	}
	return false
}

// TestLattice checks what the lattice says against brute force: what holds for
// a model holds for all that it implies, and an anomaly's models do not hold.
func TestLattice(t *testing.T) {
	t.Parallel()
	runs := seeds.Choose(t, 1500)
	for seed := range runs.All() {
		h, err := gen.History(seed, smallConfigs[seed%uint64(len(smallConfigs))])
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		o := brute.New(h)
		holds := map[string]bool{}
		for _, m := range checkers.NamesOf(Models()) {
			holds[m] = o.Holds(m)
		}
		if o.Odd {
			continue // read uncommitted is not defined then
		}
		for s, yes := range holds {
			for _, w := range levels().ImpliedBy(s) {
				if known, ok := holds[w]; ok && yes && !known {
					t.Fatalf("seed %d: %s holds, and %s, which it implies, does not\n%s", seed, s, w, show(h))
				}
			}
		}
		vs, err := CheckAll(context.Background(), h, checkers.Budget{})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for _, v := range vs {
			for _, x := range v.Violations {
				for m, yes := range holds {
					if yes && levels().Refuted(x.Anomaly, m) {
						t.Fatalf("seed %d: %s was found, which refutes %s, but that holds\n%s%s", seed, x.Anomaly, m, show(h), x.Sentence)
					}
				}
			}
		}
	}
}

// TestTogether wants of all levels together what each says alone.
func TestTogether(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		h, err := gen.History(seed, middleConfigs[seed%uint64(len(middleConfigs))])
		if err != nil {
			t.Fatal(err)
		}
		all, err := CheckAll(context.Background(), h, checkers.Budget{})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for _, v := range all {
			c, err := New(v.Model)
			if err != nil {
				t.Fatal(err)
			}
			one, err := c.Check(context.Background(), h, checkers.Budget{})
			if err != nil {
				t.Fatal(err)
			}
			if one.Status != v.Status && one.Status != checkers.Inconclusive && v.Status != checkers.Inconclusive {
				t.Errorf("seed %d, %s: %s alone, %s together", seed, v.Model, one.Status, v.Status)
			}
			if one.Status == checkers.Violated && !reflect.DeepEqual(one.Violations, v.Violations) {
				t.Errorf("seed %d, %s: other witnesses alone than together", seed, v.Model)
			}
			again, err := c.Check(context.Background(), h, checkers.Budget{})
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(one.Violations, again.Violations) {
				t.Errorf("seed %d, %s: other witnesses the second time", seed, v.Model)
			}
		}
	}
}

// TestBudget: what was decided before the budget ran out is said, the rest is
// inconclusive with the reason.
func TestBudget(t *testing.T) {
	t.Parallel()
	h := load{txns: 20_000, sessions: 10, mops: 4, keys: 50, lists: true, stale: true}.history()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	c, err := New("serializable")
	if err != nil {
		t.Fatal(err)
	}
	v, err := c.Check(ctx, h, checkers.Budget{})
	if err != nil || v.Status != checkers.Inconclusive || len(v.Reasons) == 0 {
		t.Errorf("after a cancelled context: %s %v, %v", v.Status, v.Reasons, err)
	}
	v, err = c.Check(context.Background(), h, checkers.Budget{Time: time.Nanosecond})
	if err != nil || v.Status != checkers.Inconclusive || len(v.Reasons) == 0 {
		t.Errorf("without time: %s %v, %v", v.Status, v.Reasons, err)
	}
	v, err = c.Check(context.Background(), h, checkers.Budget{Memory: 1 << 10})
	if err != nil || v.Status != checkers.Inconclusive || len(v.Reasons) == 0 {
		t.Errorf("without memory: %s %v, %v", v.Status, v.Reasons, err)
	}
}

// TestMemoryLadder gives ever more memory: what is decided with little is what is
// decided with plenty, and some levels are decided before others.
func TestMemoryLadder(t *testing.T) {
	t.Parallel()
	h := load{txns: 2000, sessions: 10, mops: 4, keys: 50, lists: true, stale: true}.history()
	want := map[string]checkers.Status{}
	full, err := CheckAll(t.Context(), h, checkers.Budget{})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range full {
		want[v.Model] = v.Status
	}
	partly := 0
	for memory := int64(1 << 14); memory <= 1<<23; memory += memory / 6 {
		vs, err := CheckAll(t.Context(), h, checkers.Budget{Memory: memory})
		if err != nil {
			t.Fatal(err)
		}
		decided := 0
		for _, v := range vs {
			switch {
			case v.Status == checkers.Inconclusive && len(v.Reasons) == 0:
				t.Errorf("%d bytes: %s is inconclusive without a reason", memory, v.Model)
			case v.Status == checkers.Inconclusive:
			case v.Status != want[v.Model]:
				t.Errorf("%d bytes: %s is %s, with plenty %s", memory, v.Model, v.Status, want[v.Model])
			default:
				decided++
			}
		}
		if decided > 0 && decided < len(vs) {
			partly++
		}
	}
	if partly == 0 {
		t.Error("there is no memory with which some levels are decided and others not")
	}
}
