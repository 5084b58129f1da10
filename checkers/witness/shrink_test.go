package witness

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/causal"
	"github.com/lapse-test/lapse/checkers/internal/gen"
	"github.com/lapse-test/lapse/checkers/internal/seeds"
	"github.com/lapse-test/lapse/checkers/linearizable"
	"github.com/lapse-test/lapse/checkers/regular"
	"github.com/lapse-test/lapse/checkers/session"
)

// TestShrink makes random failing histories of many models small, and checks that
// what is left still fails, that it is the same every time, and that nothing more
// can go.
func TestShrink(t *testing.T) {
	all := []checkers.Checker{
		linearizable.New(linearizable.Auto), linearizable.New(linearizable.Search),
		regular.New(regular.Regular), session.New(session.ReadYourWrites), session.New(session.MonotonicReads),
		causal.New(causal.Causal), causal.New(causal.Convergent), causal.New(causal.Memory), causal.New(causal.PRAM),
	}
	budget := checkers.Budget{Time: time.Minute}
	for n, c := range all {
		shrunk, largest := 0, 0
		for seed := range seeds.Choose(t, 12).All() {
			g := gen.Register{Ops: 120, Sessions: 5, Keys: 3, Writes: 0.35, CAS: 0.1, Info: 0.05, Stale: 0.05, Lie: 0.02}
			if n%2 == 1 {
				g.Values = 6
			}
			h, err := g.History(seed)
			if err != nil {
				t.Fatal(err)
			}
			part, ops, stats, err := Shrink(context.Background(), h, c, budget, nil)
			if errors.Is(err, ErrHolds) || errors.Is(err, ErrUndecided) {
				continue
			}
			if err != nil {
				t.Fatalf("seed %d: %s: %v", seed, c.Model().Name, err)
			}
			shrunk++
			largest = max(largest, len(ops))
			before, err := c.Check(context.Background(), h, budget)
			if err != nil {
				t.Fatal(err)
			}
			v, err := c.Check(context.Background(), part, budget)
			if err != nil || v.Status != checkers.Violated {
				t.Fatalf("seed %d: %s: the %d operations left are %s (%v)", seed, c.Model().Name, len(ops), v.Status, err)
			}
			if _, again, _, err := Shrink(context.Background(), h, c, budget, nil); err != nil || !slices.Equal(ops, again) {
				t.Errorf("seed %d: %s: not the same twice: %v, %v (%v)", seed, c.Model().Name, ops, again, err)
			}
			if !stats.Minimal || stats.From != len(h.Ops) || stats.To != len(ops) {
				t.Errorf("seed %d: %s: %+v", seed, c.Model().Name, stats)
			}
			if v.Violations[0].Anomaly != before.Violations[0].Anomaly {
				continue // shrinking once more would look for something else
			}
			if _, once, _, err := Shrink(context.Background(), part, c, budget, nil); err != nil || len(once) != len(part.Ops) {
				t.Errorf("seed %d: %s: %d operations shrink further to %d (%v)", seed, c.Model().Name, len(part.Ops), len(once), err)
			}
		}
		t.Logf("%s: %d histories of 120 operations became at most %d operations", c.Model().Name, shrunk, largest)
		if shrunk == 0 {
			t.Errorf("%s: nothing to shrink", c.Model().Name)
		}
	}
}

// TestNothingToShrink checks that a legal history is refused.
func TestNothingToShrink(t *testing.T) {
	h, err := gen.Register{Ops: 50, Sessions: 3, Keys: 1, Writes: 0.4}.History(1)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := Shrink(context.Background(), h, linearizable.New(linearizable.Auto), checkers.Budget{}, nil); !errors.Is(err, ErrHolds) {
		t.Errorf("got %v", err)
	}
}

// TestShrinkStops checks that what is left when the time runs out still fails, and
// that no verdict is no ErrHolds.
func TestShrinkStops(t *testing.T) {
	h, err := gen.Shape{Ops: 20000, Clients: 10, Keys: 1, Writes: 0.4, Stale: true}.History(3)
	if err != nil {
		t.Fatal(err)
	}
	c := linearizable.New(linearizable.Search)
	part, _, stats, err := Shrink(context.Background(), h, c, checkers.Budget{Time: 2 * time.Second}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := c.Check(context.Background(), part, checkers.Budget{}); err != nil || v.Status != checkers.Violated {
		t.Errorf("what is left is %s (%v)", v.Status, err)
	}
	t.Logf("%+v", stats)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, _, err := Shrink(ctx, h, c, checkers.Budget{}, nil); err == nil || errors.Is(err, ErrHolds) {
		t.Errorf("without time: %v", err)
	}
}
