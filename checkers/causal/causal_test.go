package causal

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/brute"
	"github.com/lapse-test/lapse/checkers/internal/explain"
	"github.com/lapse-test/lapse/checkers/internal/gen"
	"github.com/lapse-test/lapse/checkers/internal/measure"
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

func flat(t testing.TB, h *history.History) *register.Flat {
	t.Helper()
	s, err := register.Split(h, "test", false)
	if err != nil {
		t.Fatal(err)
	}
	return register.Flatten(s)
}

// TestAgainstBruteForce compares all models with their definitions.
func TestAgainstBruteForce(t *testing.T) {
	rounds := seeds.Choose(t, 4000)
	counts := map[string]int{}
	for seed := range rounds.All() {
		c := gen.Small(seed, seed%5 == 0)
		c.Keys = 1 + int(seed%3)
		c.Sessions = 2 + int(seed/3%3)
		c.Ops = 5 + int(seed/7%8)
		c.Writes = 0.4
		if seed%2 == 0 {
			c.Lie = 0.6
		}
		h, err := c.History(seed)
		if err != nil {
			t.Fatal(err)
		}
		f := flat(t, h)
		var ops []int32
		for i := range f.Ops {
			if f.Ops[i].Kind != 0 {
				ops = append(ops, int32(i))
			}
		}
		held := map[string]bool{}
		for model, def := range map[string]brute.Causally{
			Causal:     {},
			Convergent: {Convergent: true},
			Memory:     {Views: true},
			PRAM:       {Views: true, SessionAlone: true},
		} {
			want := def.Satisfied(f, ops)
			v, err := New(model).Check(context.Background(), h, checkers.Budget{})
			if err != nil {
				t.Fatalf("seed %d: %v\n%s", seed, err, dump(h))
			}
			if (v.Total == 0) != want {
				t.Fatalf("seed %d: %s: %d violations, brute force legal=%v: %+v\n%s", seed, model, v.Total, want, v.Violations, dump(h))
			}
			held[model] = v.Total == 0
			for _, x := range v.Violations {
				counts[model+": "+x.Anomaly]++
				if x.Sentence == "" || len(x.Ops) == 0 || len(x.Steps) == 0 {
					t.Errorf("seed %d: incomplete: %+v", seed, x)
				}
			}
		}
		if !held[Causal] && (held[Convergent] || held[Memory]) || !held[PRAM] && held[Memory] {
			t.Fatalf("seed %d: the models do not imply each other as they should: %v", seed, held)
		}
		counts[fmt.Sprintf("CC %v CCv %v CM %v PRAM %v", held[Causal], held[Convergent], held[Memory], held[PRAM])]++
	}
	t.Logf("%s", rounds)
	for k, n := range counts {
		t.Logf("%6d %s", n, k)
	}
	for _, want := range []string{"causal: causally stale read", "causal: causality cycle", "causal-convergent: contradictory order", "causal-memory: no order for a session", "pram: no order for a session"} {
		if counts[want] == 0 {
			t.Errorf("no history showed: %s", want)
		}
	}
}

// TestWriteOrder compares the two guarantees about the order of writes with their
// definitions.
func TestWriteOrder(t *testing.T) {
	rounds := seeds.Choose(t, 4000)
	for _, model := range []string{MonotonicWrites, WritesFollowReads} {
		counts := map[string]int{}
		for seed := range rounds.All() {
			c := gen.Small(seed, seed%5 == 0)
			c.Keys = 1 + int(seed%3)
			c.Sessions = 2 + int(seed/3%3)
			c.Ops = 6 + int(seed/7%10)
			c.Writes, c.Stale = 0.4, 0.3
			if seed%2 == 0 {
				c.Lie = 0.4
			}
			h, err := c.History(seed)
			if err != nil {
				t.Fatal(err)
			}
			f := flat(t, h)
			var ops []int32
			for i := range f.Ops {
				if f.Ops[i].Kind != 0 {
					ops = append(ops, int32(i))
				}
			}
			want := brute.WriteOrder(h, f, ops, model == WritesFollowReads)
			v, err := New(model).Check(context.Background(), h, checkers.Budget{})
			if err != nil {
				t.Fatalf("seed %d: %v\n%s", seed, err, dump(h))
			}
			if (v.Total == 0) != want {
				t.Fatalf("seed %d: %s: %d violations, brute force legal=%v: %+v\n%s", seed, model, v.Total, want, v.Violations, dump(h))
			}
			for _, x := range v.Violations {
				counts[x.Anomaly]++
				if seed < 300 {
					t.Log(x.Sentence)
				}
			}
		}
		t.Logf("%s: %s: %v", model, rounds, counts)
		if len(counts) == 0 {
			t.Errorf("no history broke %s", model)
		}
	}
}

// TestExamples are the examples of the POPL 2017 paper (figure 3) and of PRAM.
// Each line is a session; operations take effect one after the other, which no
// model here looks at.
func TestExamples(t *testing.T) {
	for _, c := range []struct {
		name     string
		sessions []string
		want     string // of CC, CCv, CM, PRAM
	}{
		{"memory, not convergent", []string{"x=1 x:2", "x=2 x:1"}, "CC CM PRAM"},
		{"convergent, not memory", []string{"z=1 x=1 y=1", "x=2 z: y:1 x:2"}, "CC CCv"},
		{"weak only", []string{"x=1", "x=2 x:1 x:2"}, "CC"},
		{"all, yet not sequential", []string{"x=1 y: y=1 x:1", "x=2 y: y=2 x:2"}, "CC CCv CM PRAM"},
		{"replaced in the past", []string{"x=1 y=1", "y:1 x=2", "x:2 x:1"}, "PRAM"},
		{"one write seen from afar", []string{"x=1", "x:1 y=1", "y:1 x:"}, "PRAM"},
		{"out of session order", []string{"x=1 y=1", "y:1 x:"}, ""},
		{"legal", []string{"x=1 y=1", "y:1 x:1"}, "CC CCv CM PRAM"},
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
		var got []string
		for _, m := range []struct{ short, model string }{{"CC", Causal}, {"CCv", Convergent}, {"CM", Memory}, {"PRAM", PRAM}} {
			v, err := New(m.model).Check(context.Background(), h, checkers.Budget{})
			if err != nil {
				t.Fatal(err)
			}
			if v.Total == 0 {
				got = append(got, m.short)
			}
			for _, x := range v.Violations {
				t.Logf("%s: %s: %s", c.name, m.short, x.Sentence)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: satisfies %v, want %s", c.name, got, c.want)
		}
	}
}

// BenchmarkMillion is the budget of the causal models: a million operations in 50
// sessions in under 0.8 s and 150 MB besides the history.
func BenchmarkMillion(b *testing.B) {
	for _, c := range []struct {
		name string
		load gen.Shape
	}{
		{"10000-keys", gen.Shape{Ops: 1e6, Clients: 50, Keys: 10000, Writes: 0.5}},
		{"100-keys", gen.Shape{Ops: 1e6, Clients: 50, Keys: 100, Writes: 0.5, Info: 0.05}},
		{"100-keys-one-writer", gen.Shape{Ops: 1e6, Clients: 50, Keys: 100, Writes: 0.5, Info: 0.05, Single: true}},
	} {
		h, err := c.load.History(1)
		if err != nil {
			b.Fatal(err)
		}
		for _, model := range []string{Causal, Convergent} {
			b.Run(c.name+"/"+model, func(b *testing.B) {
				run := func() {
					if v, err := New(model).Check(context.Background(), h, checkers.Budget{}); err != nil || v.Status != checkers.Held {
						b.Fatal(v.Status, v.Reasons, err)
					}
				}
				grew := measure.Peak(run)
				measure.Loop(b, run)
				b.ReportMetric(float64(grew)/1e6, "MB")
			})
		}
	}
}

// BenchmarkViews times the models that need a view a session: a hundred thousand
// operations in 20 sessions.
func BenchmarkViews(b *testing.B) {
	h, err := gen.Shape{Ops: 1e5, Clients: 20, Keys: 1000, Writes: 0.5, Info: 0.02}.History(1)
	if err != nil {
		b.Fatal(err)
	}
	for _, model := range []string{Memory, PRAM, MonotonicWrites, WritesFollowReads} {
		b.Run(model, func(b *testing.B) {
			measure.Loop(b, func() {
				if v, err := New(model).Check(context.Background(), h, checkers.Budget{}); err != nil || v.Status != checkers.Held {
					b.Fatal(v.Status, v.Reasons, err)
				}
			})
		})
	}
}
