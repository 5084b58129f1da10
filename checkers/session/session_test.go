package session

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/brute"
	"github.com/lapse-test/lapse/checkers/internal/explain"
	"github.com/lapse-test/lapse/checkers/internal/gen"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/checkers/internal/seeds"
	"github.com/lapse-test/lapse/history"
)

func dump(h *history.History) string {
	var b strings.Builder
	for i := range h.Ops {
		op := &h.Ops[i]
		fmt.Fprintf(&b, "%3d [%d,%d] %s %s\n", i, op.Invoke, op.Complete, op.Outcome, explain.Op(h, i))
	}
	return b.String()
}

// TestAgainstBruteForce compares with the definition: exactly where values are
// unique, and without false alarms where they are not.
func TestAgainstBruteForce(t *testing.T) {
	rounds := seeds.Choose(t, 6000)
	for _, model := range []string{ReadYourWrites, MonotonicReads} {
		anomalies := map[string]int{}
		held, missed := 0, 0
		for seed := range rounds.All() {
			c := gen.Small(seed, seed%4 == 0)
			if seed%2 == 0 {
				c.Lie = 0.5
			}
			h, err := c.History(seed)
			if err != nil {
				t.Fatal(err)
			}
			var k register.Key
			split(t, h).Load(0, &k)
			sessions := make([]int32, len(k.Ops))
			for i := range k.Ops {
				sessions[i] = h.Ops[k.Ops[i].At].Session
			}
			// What nobody can have written says nothing about sessions.
			var ops []register.Op
			var of []int32
			for i, op := range k.Ops {
				if (op.Kind == register.Read && op.Val < 0) || op.Kind == register.FailedCAS {
					continue
				}
				if op.Kind == register.CAS && op.Exp < 0 {
					op.Kind = register.Write
				}
				ops, of = append(ops, op), append(of, sessions[i])
			}
			want := brute.Session(brute.Guarantee{OwnWrites: model == ReadYourWrites, OwnReads: model == MonotonicReads}, ops, of)
			v, err := New(model).Check(context.Background(), h, checkers.Budget{})
			if err != nil {
				t.Fatalf("seed %d: %v\n%s", seed, err, dump(h))
			}
			switch {
			case v.Total > 0 && want:
				t.Fatalf("seed %d: %s: a false alarm: %s\n%s", seed, model, v.Violations[0].Sentence, dump(h))
			case v.Total == 0 && !want && k.Unique:
				t.Fatalf("seed %d: %s: not found\n%s", seed, model, dump(h))
			case v.Total == 0 && !want:
				missed++
			}
			if want {
				held++
			}
			for _, x := range v.Violations {
				anomalies[x.Anomaly+" certified by "+x.Certified]++
			}
		}
		t.Logf("%s: %s: %d legal, violations %v, %d missed with ambiguous values", model, rounds, held, anomalies, missed)
		if len(anomalies) < 2 {
			t.Errorf("%s: too few kinds of violation", model)
		}
	}
}
