package regular

import (
	"context"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/brute"
	"github.com/lapse-test/lapse/checkers/internal/gen"
	"github.com/lapse-test/lapse/checkers/internal/measure"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/checkers/internal/seeds"
	"github.com/lapse-test/lapse/checkers/linearizable"
	"github.com/lapse-test/lapse/history"
)

// TestAgainstBruteForce compares with the definition, and checks that
// linearizable implies regular implies safe.
func TestAgainstBruteForce(t *testing.T) {
	rounds := seeds.Choose(t, 6000)
	counts := map[string]int{}
	for seed := range rounds.All() {
		h, err := gen.Small(seed, seed%3 == 0).History(seed)
		if err != nil {
			t.Fatal(err)
		}
		set, err := register.Split(h, "test", false)
		if err != nil {
			t.Fatal(err)
		}
		var k register.Key
		set.Load(0, &k)
		status := map[string]checkers.Verdict{}
		for _, model := range []string{Regular, Safe} {
			v, err := New(model).Check(context.Background(), h, checkers.Budget{})
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			status[model] = v
			want := brute.Regular(k.Ops, model == Safe)
			if (v.Total == 0) != want {
				t.Fatalf("seed %d: %s: %d violations, brute force legal=%v: %+v", seed, model, v.Total, want, v.Violations)
			}
			for _, x := range v.Violations {
				counts[model+" "+x.Anomaly]++
				if len(x.Ops) > 3 || x.Sentence == "" || x.Model != model {
					t.Errorf("seed %d: %+v", seed, x)
				}
				if x.Certified != "porcupine" {
					t.Errorf("seed %d: not certified: %+v", seed, x)
				}
			}
		}
		if status[Regular].Total == 0 && status[Safe].Total > 0 {
			t.Fatalf("seed %d: regular but not safe", seed)
		}
		v, err := linearizable.New(linearizable.Auto).Check(context.Background(), h, checkers.Budget{})
		if err != nil {
			t.Fatal(err)
		}
		if v.Total == 0 && status[Regular].Total > 0 {
			t.Fatalf("seed %d: linearizable but not regular", seed)
		}
		if v.Total > 0 && status[Regular].Total == 0 {
			counts["regular, not linearizable"]++
		}
	}
	t.Logf("%s: %v", rounds, counts)
	for _, want := range []string{"regular stale read", "safe stale read", "regular, not linearizable"} {
		if counts[want] == 0 {
			t.Errorf("no history is %s", want)
		}
	}
}

// TestPairs holds what is regular and not linearizable, and what is not even
// regular.
func TestPairs(t *testing.T) {
	type op struct {
		from, to history.Time
		f        history.Func
		v        history.Value
	}
	const (
		R = history.Read
		W = history.Write
	)
	for _, c := range []struct {
		name          string
		ops           []op
		regular, safe int
	}{
		{"new then old during a write", []op{{1, 2, W, 1}, {3, 20, W, 2}, {4, 5, R, 2}, {6, 7, R, 1}}, 0, 0},
		{"old after the write", []op{{1, 2, W, 1}, {3, 20, W, 2}, {4, 5, R, 2}, {21, 22, R, 1}}, 1, 1},
		{"old after the write, while another goes on", []op{{1, 2, W, 1}, {3, 20, W, 2}, {21, 30, W, 3}, {22, 23, R, 1}}, 1, 0},
		{"anything during a write is safe", []op{{1, 2, W, 1}, {3, 20, W, 2}, {4, 5, R, 7}}, 1, 0},
		{"concurrent writes, one after the other", []op{{1, 5, W, 1}, {2, 6, W, 2}, {7, 8, R, 1}, {9, 10, R, 2}, {11, 12, R, 1}}, 0, 0},
	} {
		b := history.NewBuilder(history.Header{Source: "test", Initial: history.Absent})
		for i, o := range c.ops {
			m := history.Mop{Func: o.f, Arg: o.v}
			if o.f == R {
				m = history.Mop{Func: R, Ret: o.v, Flags: history.Observed}
			}
			b.AddPlain(history.Op{Process: int32(i), Session: int32(i), Invoke: o.from, Complete: o.to, Outcome: history.OK, Error: -1, Note: -1, Node: -1}, m)
		}
		h, err := b.History()
		if err != nil {
			t.Fatal(err)
		}
		for model, want := range map[string]int{Regular: c.regular, Safe: c.safe} {
			v, err := New(model).Check(context.Background(), h, checkers.Budget{})
			if err != nil || v.Total != want {
				t.Errorf("%s: %s: %d violations, want %d (%v)", c.name, model, v.Total, want, err)
			}
			for _, x := range v.Violations {
				t.Log(model, x.Sentence, x.Legal)
			}
		}
	}
}

// BenchmarkMillion times a million operations of 20 clients.
func BenchmarkMillion(b *testing.B) {
	for name, c := range map[string]gen.Shape{
		"one-key":   {Ops: 1e6, Clients: 20, Keys: 1, Writes: 0.4, Info: 0.05},
		"5000-keys": {Ops: 1e6, Clients: 20, Keys: 5000, Writes: 0.4, Info: 0.05},
	} {
		h, err := c.History(1)
		if err != nil {
			b.Fatal(err)
		}
		for _, model := range []string{Regular, Safe} {
			b.Run(model+"/"+name, func(b *testing.B) {
				measure.Loop(b, func() {
					if _, err := New(model).Check(context.Background(), h, checkers.Budget{}); err != nil {
						b.Fatal(err)
					}
				})
			})
		}
	}
}
