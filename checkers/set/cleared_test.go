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
	end := func(o exhaust.Op) history.Time {
		if o.Info {
			return history.Never
		}
		return o.To
	}
	changed := history.Time(-1)
	for _, o := range ops {
		if o.Mops[0].F == history.ReadSet || o.Fail {
			continue
		}
		if changed = max(changed, o.From); !o.Info {
			changed = max(changed, o.To)
		}
	}
	of := func(k history.Key, v history.Value, fs ...history.Func) (out []exhaust.Op) {
		for _, o := range ops {
			if m := o.Mops[0]; !o.Fail && m.K == k && slices.Contains(fs, m.F) && (m.F == history.Clear || m.A == v) {
				out = append(out, o)
			}
		}
		return out
	}
	for i, r := range ops {
		if r.Mops[0].F != history.ReadSet || r.From <= changed {
			continue
		}
		k := r.Mops[0].K
		for v := range history.Value(4) {
			adds := of(k, v, history.Add)
			stays := slices.ContainsFunc(adds, func(a exhaust.Op) bool {
				return !a.Info && !slices.ContainsFunc(of(k, v, history.Remove, history.Clear), func(x exhaust.Op) bool { return end(x) >= a.From })
			})
			may := slices.ContainsFunc(adds, func(a exhaust.Op) bool {
				return !slices.ContainsFunc(of(k, v, history.Remove), func(x exhaust.Op) bool { return !x.Info && x.From > end(a) })
			})
			if has := slices.Contains(r.Mops[0].L, v); has && !may || !has && stays {
				wrong = append(wrong, fmt.Sprintf("read %d has %d: %v", i, v, has))
			}
		}
	}
	return wrong
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
