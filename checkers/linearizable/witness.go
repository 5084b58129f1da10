package linearizable

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/brute"
	"github.com/lapse-test/lapse/checkers/internal/evidence"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/history"
)

// candidates are the positions in k that prove c, a few more than needed;
// ascending.
func (z *zoner) candidates(k *register.Key, c conflict) []int32 {
	var pos []int32
	switch c.fault {
	case thinAir:
		pos = append(pos, c.op)
	case lostUpdate:
		first := k.Writer[c.b]
		pos = append(pos, first, c.op)
		pos = z.withWriter(k, pos, c.a)
		for _, p := range []int32{first, c.op} {
			if k.Ops[p].Info() {
				pos = append(pos, z.proofOf(k, k.Ops[p].Val)...)
			}
		}
	case order:
		pos = z.orderCandidates(k, c)
	case zones:
		pos = z.zoneCandidates(k, c)
	}
	slices.Sort(pos)
	return slices.Compact(pos)
}

func (z *zoner) withWriter(k *register.Key, pos []int32, v int32) []int32 {
	if w := k.Writer[v]; w >= 0 {
		return append(pos, w)
	}
	return pos
}

// proofOf are operations that show that the value v was installed: its writer if
// it was answered, else a read of v, or the chain of what was built on it up to
// such an operation.
func (z *zoner) proofOf(k *register.Key, v int32) []int32 {
	var pos []int32
	for range k.Values {
		w := k.Writer[v]
		if w >= 0 {
			pos = append(pos, w)
			if !k.Ops[w].Info() {
				return pos
			}
		}
		for i := range k.Ops {
			if k.Ops[i].Kind == register.Read && k.Ops[i].Val == v {
				return append(pos, int32(i))
			}
		}
		if v = z.clusters[v].next; v < 0 {
			return pos
		}
	}
	return pos
}

// orderCandidates finds, in the chain that c.a heads, an operation that ended
// before one earlier in the chain began, with the values between the two.
func (z *zoner) orderCandidates(k *register.Key, c conflict) []int32 {
	cs := z.clusters
	var path []int32
	for v := c.a; ; v = cs[v].next {
		path = append(path, v)
		if v == c.at {
			break
		}
	}
	last := &cs[c.at]
	bound := min(last.wRet, last.minRet)
	// The nearest operation earlier in the chain that began after bound: reads
	// of the value before, then its writer, and so on backwards.
	from := len(path) - 1
	var early int32 = -1
	for i := len(path) - 1; i >= 0 && early < 0; i-- {
		v := path[i]
		if i < len(path)-1 && cs[v].maxInv > bound {
			early, from = z.find(k, v, func(op *register.Op) bool { return op.Kind == register.Read && op.Inv > bound }), i
		} else if cs[v].wInv > bound {
			early, from = k.Writer[v], i
		}
	}
	late := z.find(k, c.at, func(op *register.Op) bool { return op.Ret == bound })
	pos := []int32{late}
	if early >= 0 {
		pos = append(pos, early)
	}
	for _, v := range path[from:] {
		pos = z.withWriter(k, pos, v)
	}
	return pos
}

// find is the first position whose operation belongs to the cluster of v (it
// installs v or returns it) and satisfies ok.
func (z *zoner) find(k *register.Key, v int32, ok func(*register.Op) bool) int32 {
	for i := range k.Ops {
		if op := &k.Ops[i]; op.Val == v && ok(op) {
			return int32(i)
		}
	}
	return -1
}

// zoneCandidates are, for each of two chains in conflict, the operation that ends
// first and one that begins after the other chain's, with the writers between.
func (z *zoner) zoneCandidates(k *register.Key, c conflict) []int32 {
	cs := z.clusters
	// place is the index of a value in its chain, by value, for the two chains.
	place := map[int32]int{}
	var chain [2][]int32
	for side, head := range []int32{c.a, c.b} {
		for v := head; v != register.None; v = cs[v].next {
			place[v] = len(chain[side])
			chain[side] = append(chain[side], v)
		}
	}
	first := [2]int32{-1, -1}
	ends := [2]history.Time{history.Never, history.Never}
	if c.a == register.Initial {
		ends[0] = before
	}
	if c.b == register.Initial {
		ends[1] = before
	}
	side := func(v int32) int {
		p, ok := place[v]
		switch {
		case !ok:
			return -1
		case p < len(chain[0]) && chain[0][p] == v:
			return 0
		}
		return 1
	}
	for i := range k.Ops {
		op := &k.Ops[i]
		if s := side(op.Val); s >= 0 && op.Ret < ends[s] {
			ends[s], first[s] = op.Ret, int32(i)
		}
	}
	second := [2]int32{-1, -1}
	for i := range k.Ops {
		op := &k.Ops[i]
		s := side(op.Val)
		if s < 0 || op.Inv <= ends[1-s] {
			continue
		}
		if second[s] < 0 || op.Ret < k.Ops[second[s]].Ret {
			second[s] = int32(i)
		}
	}
	var pos []int32
	for s := range 2 {
		lo, hi := len(chain[s])-1, 0
		for _, p := range []int32{first[s], second[s]} {
			if p < 0 {
				lo = 0 // the initial value itself ends first
				continue
			}
			pos = append(pos, p)
			at := place[k.Ops[p].Val]
			lo, hi = min(lo, at), max(hi, at)
		}
		for i := lo; i <= hi; i++ {
			pos = z.withWriter(k, pos, chain[s][i])
		}
	}
	return pos
}

// violation turns the operations of sub, which refute k, into a violation that
// Porcupine has refuted again, if it could within limit.
func violation(ctx context.Context, h *history.History, k *register.Key, sub subset, faults *evidence.Windows, limit time.Duration) checkers.Violation {
	v := checkers.Violation{Model: Model, Key: h.KeyName(k.ID), Session: -1}
	t := tell(h, k, sub)
	v.Anomaly, v.Sentence, v.Steps, v.Legal = t.anomaly, t.sentence, t.steps, t.legal
	for _, p := range sub.pos {
		v.Ops = append(v.Ops, int(k.Ops[p].At))
	}
	v.Ops = append(v.Ops, t.context...)
	slices.Sort(v.Ops)
	v.Session = h.Ops[t.offender].Session
	v.At = h.Ops[t.offender].Complete
	v.Faults = faults.IDs(h, t.offender)
	if refutedByPorcupine(ctx, h, k, sub.pos, sub.weak, min(limit, certifyLimit)) {
		v.Certified = "porcupine"
	}
	return v
}

// certifyLimit bounds Porcupine on a witness, which is a handful of operations.
const certifyLimit = 5 * time.Second

// legalValues are the values that the read at position p could have returned:
// those of writes that it overlapped or that were not replaced before it, as far
// as the witness allows them.
func legalValues(h *history.History, k *register.Key, sub subset, p int32) []string {
	op := &k.Ops[p]
	if op.Kind != register.Read || k.Concats > 0 {
		return nil
	}
	hidden := before
	for i := range k.Ops {
		x := &k.Ops[i]
		if x.Installs() && x.Ret < op.Inv {
			hidden = max(hidden, x.Inv)
		}
	}
	type option struct {
		v  int32
		at int32
	}
	var options []option
	if hidden == before {
		options = append(options, option{register.Initial, -1})
	}
	for i := range k.Ops {
		x := &k.Ops[i]
		if x.Installs() && x.Inv <= op.Ret && x.Ret >= hidden && len(options) < 32 {
			options = append(options, option{x.Val, int32(i)})
		}
	}
	var out []string
	for _, o := range options {
		if o.v == op.Val {
			continue
		}
		var ops []register.Op
		here := false
		for _, q := range sub.pos {
			x := k.Ops[q]
			if q == p {
				x.Val = o.v
			} else if sub.weak[q] {
				x.Kind, x.Exp = register.Write, register.None
			}
			here = here || q == o.at
			ops = append(ops, x)
		}
		if o.at >= 0 && !here {
			x := k.Ops[o.at]
			if x.Kind == register.CAS {
				x.Kind, x.Exp = register.Write, register.None
			}
			ops = append(ops, x)
		}
		if len(ops) > 12 || brute.Linearizable(ops) {
			out = append(out, h.ValueText(k.Values[o.v]))
		}
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	return slices.Compact(out)
}
