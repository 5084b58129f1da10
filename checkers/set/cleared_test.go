package set

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/exhaust"
	"github.com/lapse-test/lapse/history"
)

// randomCleared makes two sets that are changed and cleared, and reads of which most come after all that, and some are wrong.
func randomCleared(seed uint64) []exhaust.Op {
	rng := rand.New(rand.NewPCG(seed, 0xc1ea))
	var in [2]map[history.Value]bool
	for k := range in {
		in[k] = map[history.Value]bool{}
	}
	var ops []exhaust.Op
	at := history.Time(0)
	changes := 2 + rng.IntN(6)
	for i := range changes + 1 + rng.IntN(3) {
		at += history.Time(1 + rng.IntN(3))
		if i == changes {
			at += history.Time(rng.IntN(6)) // some reads are concurrent to changes
		}
		k := history.Key(rng.IntN(2))
		m := exhaust.M{K: k, A: history.Value(1 + rng.IntN(3))}
		o := exhaust.Op{S: int32(i), From: at, To: at + history.Time(rng.IntN(5))}
		o.Fail = rng.IntN(8) == 0
		o.Info = !o.Fail && rng.IntN(7) == 0
		happens := !o.Fail && (!o.Info || rng.IntN(2) == 0)
		switch kind := rng.IntN(8); {
		case i >= changes || kind == 7:
			m.F, m.A, o.Fail, o.Info = history.ReadSet, 0, false, false
			for v := range history.Value(4) {
				if in[k][v] != (rng.IntN(12) == 0) {
					m.L = append(m.L, v)
				}
			}
		case kind < 4:
			m.F = history.Add
			in[k][m.A] = in[k][m.A] || happens
		case kind < 5:
			m.F = history.Remove
			in[k][m.A] = in[k][m.A] && !happens
		default:
			m.F, m.A = history.Clear, 0
			if happens {
				clear(in[k])
			}
		}
		o.Mops = []exhaust.M{m}
		ops = append(ops, o)
	}
	return ops
}

// wrongInTheEnd is what the final reads of ops lack and have that they must not, by the definition, value by value.
func wrongInTheEnd(ops []exhaust.Op) (wrong []string) {
	changed := history.Time(-1)
	for _, o := range ops {
		if o.Mops[0].F == history.ReadSet || o.Fail {
			continue
		}
		if changed = max(changed, o.From); !o.Info {
			changed = max(changed, o.To)
		}
	}
	for i, r := range ops {
		if r.Mops[0].F != history.ReadSet || r.From <= changed {
			continue
		}
		for v := range history.Value(4) {
			in, out := possible(ops, r.Mops[0].K, v)
			if has := slices.Contains(r.Mops[0].L, v); has && !in || !has && !out {
				wrong = append(wrong, fmt.Sprintf("read %d has %d: %v", i, v, has))
			}
		}
	}
	return wrong
}

// possible tries all that the replicas of set k can have come to, as far as v goes: which adds without an answer happened, and which adds each
// removal and clearing knew of, and so took away. A removal that was acknowledged knew of one at least, if one was over before it began.
func possible(ops []exhaust.Op, k history.Key, v history.Value) (in, out bool) {
	end := func(o exhaust.Op) history.Time {
		if o.Info {
			return history.Never
		}
		return o.To
	}
	var adds, takes []exhaust.Op
	for _, o := range ops {
		switch m := o.Mops[0]; {
		case o.Fail || m.K != k || m.F == history.ReadSet:
		case m.F == history.Clear || m.F == history.Remove && m.A == v:
			takes = append(takes, o)
		case m.F == history.Add && m.A == v:
			adds = append(adds, o)
		}
	}
	var answered uint
	for i, a := range adds {
		if !a.Info {
			answered |= 1 << i
		}
	}
	for happened := range uint(1) << len(adds) {
		if happened&answered != answered {
			continue
		}
		gone := map[uint]bool{0: true}
		for _, x := range takes {
			var heard, over uint
			for i, a := range adds {
				if a.From <= end(x) {
					heard |= happened & (1 << i)
				}
				if end(a) < x.From {
					over |= happened & (1 << i)
				}
			}
			next := map[uint]bool{}
			for knew := range heard + 1 {
				if knew&^heard != 0 || knew == 0 && over != 0 && !x.Info && x.Mops[0].F == history.Remove {
					continue
				}
				for g := range gone {
					next[g|knew] = true
				}
			}
			gone = next
		}
		for g := range gone {
			in, out = in || happened&^g != 0, out || happened&^g == 0
		}
	}
	return in, out
}

// Sets that are cleared, judged in the end, are what the definition says, and each violation is proven by the refuter.
func TestClearedInTheEnd(t *testing.T) {
	againstDefinition(t, checkers.Named(Eventual, Models()), randomCleared, wrongInTheEnd)
}

// A clearing is nothing that the model of sets without replicas knows of: it is not judged as if it were not there.
func TestOtherModelsRefuseClearings(t *testing.T) {
	h := exhaust.Build(t, nil, addOp(0, 1, 2, 1), exhaust.Op{S: 1, From: 3, To: 4, Mops: []exhaust.M{{F: history.Clear}}}, readOp(2, 5, 6))
	if v, err := New().Check(context.Background(), h, checkers.Budget{}); err == nil {
		t.Errorf("set judges a clearing: %s %v", v.Status, v.Reasons)
	}
}
