package set

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/lapse-test/lapse/checkers/internal/exhaust"
	"github.com/lapse-test/lapse/history"
)

func addOp(s int32, from, to, v history.Time) exhaust.Op {
	return exhaust.Op{S: s, From: from, To: to, Mops: []exhaust.M{{F: history.Add, A: history.Value(v)}}}
}

func removeOp(s int32, from, to, v history.Time) exhaust.Op {
	return exhaust.Op{S: s, From: from, To: to, Mops: []exhaust.M{{F: history.Remove, A: history.Value(v)}}}
}

func readOp(s int32, from, to history.Time, vs ...history.Value) exhaust.Op {
	return exhaust.Op{S: s, From: from, To: to, Mops: []exhaust.M{{F: history.ReadSet, L: vs}}}
}

// TestAddedAgain holds pairs that differ in one operation.
func TestAddedAgain(t *testing.T) {
	unanswered := removeOp(2, 3, 0, 1)
	unanswered.Info = true
	exhaust.Run(t, New(), []exhaust.Case{
		{Name: "added, removed, added", Ops: []exhaust.Op{addOp(0, 1, 2, 1), removeOp(0, 3, 4, 1), addOp(0, 5, 6, 1), readOp(1, 7, 8, 1)}},
		{Name: "lost the second time", Ops: []exhaust.Op{addOp(0, 1, 2, 1), removeOp(0, 3, 4, 1), addOp(0, 5, 6, 1), readOp(1, 7, 8)}, Anomalies: []string{"lost element"}},
		{Name: "added twice", Ops: []exhaust.Op{addOp(0, 1, 2, 1), addOp(0, 5, 6, 1), readOp(1, 7, 8, 1)}},
		{Name: "removed for good", Ops: []exhaust.Op{addOp(0, 1, 2, 1), removeOp(0, 3, 4, 1), readOp(1, 7, 8)}, Inconclusive: true},
		{Name: "back from the dead", Ops: []exhaust.Op{addOp(0, 1, 2, 1), addOp(2, 7, 8, 2), removeOp(0, 3, 4, 1), readOp(1, 9, 10, 1, 2)}, Anomalies: []string{"removed element"}},
		{Name: "back from the dead twice", Ops: []exhaust.Op{addOp(0, 1, 2, 1), removeOp(0, 3, 4, 1), addOp(0, 5, 6, 1), removeOp(0, 7, 8, 1), readOp(1, 9, 10, 1)}, Anomalies: []string{"removed element"}},
		{Name: "the second add was going on", Ops: []exhaust.Op{addOp(0, 1, 2, 1), removeOp(0, 3, 4, 1), addOp(0, 5, 12, 1), removeOp(2, 7, 8, 1), readOp(1, 9, 10, 1)}, Inconclusive: true},
		{Name: "the removal may come late", Ops: []exhaust.Op{addOp(0, 1, 2, 1), unanswered, addOp(0, 5, 6, 1), readOp(1, 7, 8)}, Inconclusive: true},
	})
}

// random makes a set with removals that loses or keeps what it must not now and then.
func random(seed uint64) []exhaust.Op {
	rng := rand.New(rand.NewPCG(seed, 0x5e7))
	in := map[history.Value]bool{}
	var ops []exhaust.Op
	at := history.Time(0)
	for i := range 4 + rng.IntN(6) {
		at += history.Time(1 + rng.IntN(3))
		o := exhaust.Op{S: int32(i), From: at, To: at + history.Time(rng.IntN(5))}
		v := history.Value(1 + rng.IntN(2))
		lie := rng.IntN(8) == 0
		switch rng.IntN(5) {
		case 0, 1:
			o.Mops = []exhaust.M{{F: history.Add, A: v}}
			o.Fail = rng.IntN(10) == 0
			o.Info = !o.Fail && rng.IntN(8) == 0
			in[v] = in[v] || !lie && !o.Fail
		case 2:
			o.Mops = []exhaust.M{{F: history.Remove, A: v}}
			o.Fail = rng.IntN(10) == 0
			o.Info = !o.Fail && rng.IntN(8) == 0
			in[v] = in[v] && (lie || o.Fail)
		default:
			m := exhaust.M{F: history.ReadSet}
			for _, v := range []history.Value{1, 2} {
				if in[v] != (rng.IntN(10) == 0) {
					m.L = append(m.L, v)
				}
			}
			o.Mops = []exhaust.M{m}
		}
		ops = append(ops, o)
	}
	return ops
}

// broken decides by the definition, element by element.
func broken(ops []exhaust.Op) bool {
	ret := func(o exhaust.Op) history.Time {
		if o.Info {
			return history.Never
		}
		return o.To
	}
	of := func(f history.Func, v history.Value) (out []exhaust.Op) {
		for _, o := range ops {
			if o.Mops[0].F == f && !o.Fail && (f == history.ReadSet || o.Mops[0].A == v) {
				out = append(out, o)
			}
		}
		return out
	}
	reads := of(history.ReadSet, 0)
	for _, v := range []history.Value{1, 2} {
		adds, removes := of(history.Add, v), of(history.Remove, v)
		has := func(r exhaust.Op) bool { return slices.Contains(r.Mops[0].L, v) }
		for _, r := range reads {
			if !has(r) {
				continue
			}
			explained := slices.ContainsFunc(adds, func(a exhaust.Op) bool {
				return a.From <= r.To && !slices.ContainsFunc(removes, func(x exhaust.Op) bool {
					return !x.Info && x.From > ret(a) && x.To < r.From
				})
			})
			if !explained {
				return true
			}
		}
		// What shows that it was there, with no removal at that time or later.
		for _, e := range slices.Concat(adds, reads) {
			if e.Info || e.Mops[0].F == history.ReadSet && !has(e) || slices.ContainsFunc(removes, func(x exhaust.Op) bool { return ret(x) >= e.From }) {
				continue
			}
			for _, r := range reads {
				if e.To < r.From && !has(r) && !slices.ContainsFunc(reads, func(s exhaust.Op) bool { return s.From >= r.From && has(s) }) {
					return true
				}
			}
		}
	}
	return false
}

// TestRemovals compares random sets with removals and re-adding with the definition.
func TestRemovals(t *testing.T) {
	againstDefinition(t, Models()[1], random, func(ops []exhaust.Op) []string {
		if broken(ops) {
			return []string{"broken"}
		}
		return nil
	})
}
