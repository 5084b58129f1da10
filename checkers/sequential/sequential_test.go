package sequential

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/causal"
	"github.com/lapse-test/lapse/checkers/internal/explain"
	"github.com/lapse-test/lapse/checkers/internal/gen"
	"github.com/lapse-test/lapse/checkers/internal/measure"
	"github.com/lapse-test/lapse/checkers/internal/oracle"
	"github.com/lapse-test/lapse/checkers/internal/seeds"
	"github.com/lapse-test/lapse/checkers/linearizable"
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

// TestAgainstBruteForce compares with trying every order, and checks what
// sequential consistency implies and is implied by.
func TestAgainstBruteForce(t *testing.T) {
	rounds := seeds.Choose(t, 4000)
	counts := map[string]int{}
	for seed := range rounds.All() {
		c := gen.Small(seed, seed%5 == 0)
		c.Keys = 1 + int(seed%3)
		c.Sessions = 2 + int(seed/3%3)
		c.Ops = 5 + int(seed/7%9)
		c.Writes = 0.4
		if seed%2 == 0 {
			c.Lie = 0.5
		}
		h, err := c.History(seed)
		if err != nil {
			t.Fatal(err)
		}
		want := oracle.New(h).Sequential()
		v, err := New().Check(context.Background(), h, checkers.Budget{})
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, dump(h))
		}
		if (v.Total == 0) != want || v.Status == checkers.Inconclusive && v.Evidence.AtRisk > 0 {
			t.Fatalf("seed %d: %s, brute force legal=%v\n%s", seed, v.Status, want, dump(h))
		}
		for _, x := range v.Violations {
			counts[x.Anomaly]++
		}
		other := func(c checkers.Checker) bool {
			v, err := c.Check(context.Background(), h, checkers.Budget{})
			if err != nil {
				t.Fatal(err)
			}
			return v.Total == 0
		}
		if want && (!other(causal.New(causal.Memory)) || !other(causal.New(causal.Convergent))) {
			t.Fatalf("seed %d: sequential but not causal\n%s", seed, dump(h))
		}
		// Where stamps touch, linearizability knows no order inside a session.
		if !want && !c.Ties && other(linearizable.New(linearizable.Auto)) {
			t.Fatalf("seed %d: linearizable but not sequential\n%s", seed, dump(h))
		}
		counts[fmt.Sprint("sequential ", want)]++
	}
	t.Logf("%s: %v", rounds, counts)
	if counts["no legal order"] == 0 || counts["sequential true"] == 0 {
		t.Error("too few kinds of history")
	}
}

// TestExamples holds the classical pairs.
func TestExamples(t *testing.T) {
	for _, c := range []struct {
		name     string
		sessions []string
		want     bool
	}{
		{"store buffering", []string{"x=1 y:", "y=1 x:"}, false},
		{"store buffering, one sees the other", []string{"x=1 y:", "y=1 x:1"}, true},
		{"causal, not sequential", []string{"x=1 y: y=1 x:1", "x=2 y: y=2 x:2"}, false},
		{"stale but in order", []string{"x=1 x=2", "x:1 x:2"}, true},
		{"independent reads of independent writes", []string{"x=1", "y=1", "x:1 y:", "y:1 x:"}, false},
		{"independent reads that agree", []string{"x=1", "y=1", "x:1 y:", "y:1 x:1"}, true},
	} {
		b := history.NewBuilder(history.Header{Source: "test", Initial: history.Absent})
		now := history.Time(0)
		for s, line := range c.sessions {
			for _, word := range strings.Fields(line) {
				now += 10
				op := history.Op{Process: int32(s), Session: int32(s), Invoke: now, Complete: now + 5, Outcome: history.OK, Error: -1, Note: -1, Node: -1}
				m := history.Mop{Key: b.Key(word[:1])}
				v := history.Absent
				if len(word) == 3 {
					v = history.Value(word[2] - '0')
				}
				if word[1] == '=' {
					m.Func, m.Arg = history.Write, v
				} else {
					m.Func, m.Ret, m.Flags = history.Read, v, history.Observed
				}
				b.AddPlain(op, m)
			}
		}
		h, err := b.History()
		if err != nil {
			t.Fatal(err)
		}
		v, err := New().Check(context.Background(), h, checkers.Budget{})
		if err != nil || (v.Total == 0) != c.want {
			t.Errorf("%s: %s, want sequential=%v (%v)", c.name, v.Status, c.want, err)
		}
		for _, x := range v.Violations {
			t.Logf("%s: %s", c.name, x.Sentence)
		}
	}
}

// TestLonger gives longer histories their verdict in time, legal and not.
func TestLonger(t *testing.T) {
	for _, stale := range []bool{false, true} {
		h, err := gen.Shape{Ops: 3000, Clients: 6, Keys: 10, Writes: 0.4, Info: 0.02, Stale: false}.History(5)
		if err != nil {
			t.Fatal(err)
		}
		if stale {
			// A read of the initial value late in the run: its session had seen more.
			for i := len(h.Ops) - 1; ; i-- {
				if m := h.Mop(&h.Ops[i]); m.Func == history.Read && h.Ops[i].Outcome == history.OK {
					m.Ret = history.Absent
					break
				}
			}
		}
		v, err := New().Check(context.Background(), h, checkers.Budget{Time: 30 * time.Second})
		if err != nil || (v.Status == checkers.Violated) != stale || v.Status == checkers.Inconclusive {
			t.Fatalf("stale=%v: %s %v (%v)", stale, v.Status, v.Reasons, err)
		}
		for _, x := range v.Violations {
			t.Logf("%d operations: %s", len(x.Ops), x.Sentence)
			if len(x.Ops) > 8 {
				t.Errorf("a witness of %d operations", len(x.Ops))
			}
		}
		t.Log(v.Algorithm, v.Elapsed)
	}
}

// BenchmarkHundredThousand times a hundred thousand operations of 20 sessions.
func BenchmarkHundredThousand(b *testing.B) {
	h, err := gen.Shape{Ops: 1e5, Clients: 20, Keys: 1000, Writes: 0.4, Info: 0.01}.History(1)
	if err != nil {
		b.Fatal(err)
	}
	measure.Loop(b, func() {
		if v, err := New().Check(context.Background(), h, checkers.Budget{}); err != nil || v.Status != checkers.Held {
			b.Fatal(v.Status, v.Reasons, err)
		}
	})
}
