package registry

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/causal"
	"github.com/lapse-test/lapse/checkers/eventual"
	"github.com/lapse-test/lapse/checkers/internal/gen"
	"github.com/lapse-test/lapse/checkers/internal/oracle"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/checkers/internal/seeds"
	"github.com/lapse-test/lapse/checkers/linearizable"
	"github.com/lapse-test/lapse/checkers/longfork"
	"github.com/lapse-test/lapse/checkers/lostwrite"
	"github.com/lapse-test/lapse/checkers/regular"
	"github.com/lapse-test/lapse/checkers/sequential"
	"github.com/lapse-test/lapse/checkers/session"
	"github.com/lapse-test/lapse/checkers/staleness"
	"github.com/lapse-test/lapse/checkers/witness"
	"github.com/lapse-test/lapse/history"
)

// definitions are the register models that the oracle can decide; ok is false where
// that would take too long.
var definitions = map[string]func(o *oracle.Of) (satisfied, ok bool){
	linearizable.Model:     func(o *oracle.Of) (bool, bool) { return o.Linearizable(), true },
	sequential.Model:       func(o *oracle.Of) (bool, bool) { return o.Sequential(), true },
	regular.Regular:        func(o *oracle.Of) (bool, bool) { return o.Regular(false), true },
	regular.Safe:           func(o *oracle.Of) (bool, bool) { return o.Regular(true), true },
	causal.Causal:          func(o *oracle.Of) (bool, bool) { return o.Causal(oracle.Causal, most) },
	causal.Convergent:      func(o *oracle.Of) (bool, bool) { return o.Causal(oracle.Convergent, most) },
	causal.Memory:          func(o *oracle.Of) (bool, bool) { return o.Causal(oracle.Memory, most) },
	session.ReadYourWrites: func(o *oracle.Of) (bool, bool) { return o.Session(true), true },
	session.MonotonicReads: func(o *oracle.Of) (bool, bool) { return o.Session(false), true },
	causal.PRAM:            func(o *oracle.Of) (bool, bool) { return o.Causal(oracle.PRAM, most) },

	// What is implied by a model that the oracle decides holds where that does.
	causal.MonotonicWrites:   func(o *oracle.Of) (bool, bool) { return true, o.Sequential() },
	causal.WritesFollowReads: func(o *oracle.Of) (bool, bool) { return true, o.Sequential() },
	lostwrite.Model:          func(o *oracle.Of) (bool, bool) { return true, o.Linearizable() },
	staleness.Model:          func(o *oracle.Of) (bool, bool) { return true, o.Linearizable() },
}

const most = 200

// TestOddRegisters checks every register model on small histories with strange
// compare-and-sets, deletes and lost updates: no checker may fail, every witness must
// be proven by other means, held must be right, and violated too.
func TestOddRegisters(t *testing.T) {
	rounds := seeds.Choose(t, 3000)
	type tally struct{ held, violated, open, missed int }
	counts := map[string]*tally{}
	var plain []checkers.Model // those of plain operations; what has a parameter has none, which is the strictest
	for _, m := range All() {
		if _, ok := m.New().(checkers.Together); !ok {
			plain = append(plain, m)
		}
	}
	for seed := range rounds.All() {
		c := gen.Odd(seed, seed%2 == 1)
		h, err := c.History(seed)
		if err != nil {
			t.Fatal(err)
		}
		o := oracle.New(h)
		for _, e := range plain {
			checker := e.New()
			if register.Applies(h, e.Name, false) != nil || checker.Applies(h) != nil {
				continue
			}
			v, err := checker.Check(context.Background(), h, checkers.Budget{})
			if err != nil {
				t.Fatalf("seed %d: %s: %v\n%s", seed, e.Name, err, show(h))
			}
			for i := range v.Violations {
				x := &v.Violations[i]
				if by, err := witness.Verify(context.Background(), h, checker.Model(), x); err != nil || by == "" {
					t.Errorf("seed %d: %s: %s, by %v: not verified (%v)\n%s\n%s", seed, e.Name, x.Anomaly, x.Ops, err, x.Sentence, show(h))
				}
			}
			if (v.Total > 0) != (v.Status == checkers.Violated) || (len(v.Violations) > 0) != (v.Total > 0) {
				t.Errorf("seed %d: %s is %s with %d violations, %d with a witness", seed, e.Name, v.Status, v.Total, len(v.Violations))
			}
			n := counts[e.Name]
			if n == nil {
				n = &tally{}
				counts[e.Name] = n
			}
			switch v.Status {
			case checkers.Held:
				n.held++
			case checkers.Violated:
				n.violated++
			default:
				n.open++
			}
			define := definitions[e.Name]
			if define == nil {
				continue
			}
			switch satisfied, ok := define(o); {
			case !ok:
			case satisfied && v.Status == checkers.Violated:
				t.Errorf("seed %d: %s is blamed by %v: %s\n%s", seed, e.Name, v.Violations[0].Ops, v.Violations[0].Sentence, show(h))
			case !satisfied && v.Status == checkers.Held:
				t.Errorf("seed %d: %s held, but it does not\n%s", seed, e.Name, show(h))
			case !satisfied && v.Status == checkers.Inconclusive:
				n.missed++
			}
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Log(rounds)
	for _, e := range plain {
		if n := counts[e.Name]; n != nil {
			t.Logf("%-20s held %5d, violated %5d, inconclusive %5d, of which not satisfied %d", e.Name, n.held, n.violated, n.open, n.missed)
			if n.held == 0 || n.violated == 0 {
				if !slices.Contains([]string{eventual.Model, longfork.Model}, e.Name) {
					t.Errorf("%s: the histories are too much of one kind to test anything", e.Name)
				}
			}
		}
	}
}

func show(h *history.History) string {
	s := ""
	for i := range h.Ops {
		op, m := &h.Ops[i], h.Mop(&h.Ops[i])
		s += fmt.Sprintf("%3d s%d [%d,%d] %s %s %s exp %v arg %v ret %v flags %d\n", i, op.Session, op.Invoke, op.Complete, op.Outcome, m.Func, h.KeyName(m.Key), m.Expect, m.Arg, m.Ret, m.Flags)
	}
	return s
}
