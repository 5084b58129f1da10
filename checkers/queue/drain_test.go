package queue

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/exhaust"
	"github.com/lapse-test/lapse/checkers/internal/seeds"
	"github.com/lapse-test/lapse/history"
)

// randomDrains makes a queue that now and then loses, repeats or invents an element, and
// drains it.
func randomDrains(seed uint64) []exhaust.Op {
	rng := rand.New(rand.NewPCG(seed, 0xd7a1))
	var ops []exhaust.Op
	var in []history.Value
	at := history.Time(0)
	for i := range 4 + rng.IntN(6) {
		at += history.Time(1 + rng.IntN(3))
		o := exhaust.Op{S: int32(i), From: at, To: at + history.Time(rng.IntN(6))}
		take := func() history.Value {
			j := rng.IntN(len(in))
			v := in[j]
			if rng.IntN(12) > 0 {
				in = append(in[:j:j], in[j+1:]...)
			}
			return v
		}
		switch rng.IntN(6) {
		case 0, 1, 2:
			v := history.Value(i + 1)
			o.Mops = []exhaust.M{{F: history.Enqueue, A: v}}
			o.Fail, o.Info = rng.IntN(9) == 0, rng.IntN(9) == 0
			o.Info = o.Info && !o.Fail
			if !o.Fail && rng.IntN(10) > 0 || rng.IntN(10) == 0 {
				in = append(in, v)
			}
		case 3:
			v := empty
			if len(in) > 0 {
				v = take()
			}
			o.Mops = []exhaust.M{{F: history.Dequeue, R: v}}
			o.Info = rng.IntN(12) == 0
		default:
			var vs []history.Value
			for n := 0; len(in) > 0 && n < 8; n++ {
				vs = append(vs, take())
			}
			if rng.IntN(20) == 0 {
				vs = append(vs, 99)
			}
			o = drain(o.S, o.From, o.To, vs...)
		}
		ops = append(ops, o)
	}
	return ops
}

// broken decides a queue by the definition: what came out, from whom, how often, and
// what is missing from a drain.
func broken(ops []exhaust.Op) bool {
	type put struct{ op exhaust.Op }
	puts := map[history.Value]put{}
	lastAck, open := history.Time(-1), false
	for _, o := range ops {
		for _, m := range o.Mops {
			switch {
			case m.F == history.Enqueue:
				puts[m.A] = put{o}
				if !o.Fail && !o.Info {
					lastAck = max(lastAck, o.To)
				}
			case o.Info:
				open = true
			}
		}
	}
	out := map[history.Value]int{}
	drained := false
	for _, o := range ops {
		for _, m := range o.Mops {
			if m.F != history.Dequeue || o.Info {
				continue
			}
			if m.R == empty {
				drained = drained || o.From > lastAck
				continue
			}
			p, ok := puts[m.R]
			out[m.R]++
			if !ok || p.op.Fail || o.To < p.op.From || out[m.R] > 1 {
				return true
			}
		}
	}
	for v, p := range puts {
		if drained && !open && !p.op.Fail && !p.op.Info && out[v] == 0 {
			return true
		}
	}
	return false
}

// TestDrains compares random queues that are drained with the definition.
func TestDrains(t *testing.T) {
	rounds := seeds.Choose(t, 4000)
	counts := map[bool]int{}
	for seed := range rounds.All() {
		ops := randomDrains(seed)
		h := exhaust.Build(t, nil, ops...)
		v, err := New().Check(context.Background(), h, checkers.Budget{})
		if err != nil {
			t.Fatal(err)
		}
		want := broken(ops)
		if (v.Status == checkers.Violated) != want {
			t.Fatalf("seed %d: %s %v, want violated: %v\n%+v", seed, v.Status, v.Reasons, want, ops)
		}
		counts[want]++
		for i := range v.Violations {
			if by, proven := Models()[1].Refute(context.Background(), h, &v.Violations[i]); by != "" && !proven {
				t.Fatalf("seed %d: the witness of %s proves nothing: %s\n%+v", seed, v.Violations[i].Anomaly, v.Violations[i].Sentence, ops)
			}
		}
		fifo, err := NewFIFO().Check(context.Background(), h, checkers.Budget{})
		if err != nil {
			t.Fatal(err)
		}
		if fifo.Status == checkers.Held && v.Total > 0 && v.Violations[0].Anomaly != "lost element" {
			t.Fatalf("seed %d: a linearizable queue, but not one that keeps its elements", seed)
		}
		for i := range fifo.Violations {
			if by, proven := Models()[0].Refute(context.Background(), h, &fifo.Violations[i]); by != "" && !proven {
				t.Fatalf("seed %d: the witness of %s proves nothing: %s\n%+v", seed, fifo.Violations[i].Anomaly, fifo.Violations[i].Sentence, ops)
			}
		}
	}
	t.Logf("%s: broken: %v", rounds, counts)
	if counts[true] < 300 || counts[false] < 300 {
		t.Error("the histories are too much of one kind to test anything")
	}
}
