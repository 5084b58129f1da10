package linearizable

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/lapse-test/lapse/checkers/internal/brute"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/history"
)

// This file finds the few operations of a refuted key that refute it by
// themselves. Dropping an operation from a legal history can make it illegal (a
// read loses its write), so that a subset proves something only if it is closed:
// for every kept operation that saw a value, every writer of that value that it
// could have seen is kept, or hidden from it by a kept write that lies wholly
// between the two. Then the restriction of a legal order of all operations is a
// legal order of the subset, and an illegal subset refutes the whole. A
// compare-and-set whose predecessor is dropped is taken as a plain write, which
// demands less.

// subset is a closed part of a key.
type subset struct {
	pos  []int32 // ascending positions in Key.Ops
	weak map[int32]bool
}

type shrinker struct {
	h *history.History
	k *register.Key
	// writers lists the positions that install each value, for keys whose
	// values are not unique.
	writers [][]int32
	in      []bool
	search  searcher
	stop    func() bool
	tried   int
}

func newShrinker(h *history.History, k *register.Key, stop func() bool) *shrinker {
	s := &shrinker{h: h, k: k, stop: stop, in: make([]bool, len(k.Ops))}
	if !k.Unique {
		s.writers = make([][]int32, len(k.Values))
		for i := range k.Ops {
			if k.Ops[i].Installs() {
				s.writers[k.Ops[i].Val] = append(s.writers[k.Ops[i].Val], int32(i))
			}
		}
	}
	return s
}

// close drops from positions, which must be ascending, what is not closed, and
// weakens compare-and-sets.
func (s *shrinker) close(positions []int32) subset {
	k := s.k
	sub := subset{pos: make([]int32, 0, len(positions))}
	for _, p := range positions {
		s.in[p] = true
	}
	var hide hiding
	if k.Concats == 0 && (!k.Unique || k.FailedCASes > 0) {
		hide = newHiding(k, positions)
	}
	for _, p := range positions {
		op := &k.Ops[p]
		closed := true
		if k.Concats == 0 {
			switch op.Kind {
			case register.Read:
				closed = s.kept(op, op.Val, hide)
			case register.CAS:
				closed = s.kept(op, op.Exp, hide)
			case register.FailedCAS:
				closed = s.missKept(op, hide)
			}
		}
		switch {
		case closed:
		case op.Kind == register.CAS:
			if sub.weak == nil {
				sub.weak = map[int32]bool{}
			}
			sub.weak[p] = true
		default:
			continue
		}
		sub.pos = append(sub.pos, p)
	}
	for _, p := range positions {
		s.in[p] = false
	}
	return sub
}

// kept tells whether every writer that op could have seen v from is kept or
// hidden.
func (s *shrinker) kept(op *register.Op, v int32, hide hiding) bool {
	k := s.k
	if v < 0 {
		return true
	}
	if k.Unique {
		return v == register.Initial || s.in[k.Writer[v]]
	}
	from := hide.from(op)
	some := v == register.Initial || len(s.writers[v]) == 0
	for _, w := range s.writers[v] {
		x := &k.Ops[w]
		if s.in[w] {
			some = true
		} else if x.Inv <= op.Ret && x.Ret >= from {
			return false
		}
	}
	return some
}

// missKept is kept for an operation that saw any value but op.Exp.
func (s *shrinker) missKept(op *register.Op, hide hiding) bool {
	k := s.k
	from := hide.from(op)
	for w := range k.Ops {
		x := &k.Ops[w]
		if x.Installs() && !s.in[w] && x.Val != op.Exp && x.Inv <= op.Ret && x.Ret >= from {
			return false
		}
	}
	return true
}

// hiding answers which writes are hidden from an operation.
type hiding struct {
	ret, inv []history.Time // answers ascending; latest invocation so far
}

func newHiding(k *register.Key, positions []int32) hiding {
	var ops []*register.Op
	for _, p := range positions {
		if op := &k.Ops[p]; op.Installs() && !op.Info() {
			ops = append(ops, op)
		}
	}
	slices.SortFunc(ops, func(a, b *register.Op) int { return cmp.Compare(a.Ret, b.Ret) })
	hide := hiding{make([]history.Time, len(ops)), make([]history.Time, len(ops))}
	latest := before
	for i, op := range ops {
		latest = max(latest, op.Inv)
		hide.ret[i], hide.inv[i] = op.Ret, latest
	}
	return hide
}

// from is the time such that exactly the writes answered before it are hidden
// from op.
func (hide hiding) from(op *register.Op) history.Time {
	i, _ := slices.BinarySearch(hide.ret, op.Inv)
	if i == 0 {
		return before
	}
	return hide.inv[i-1]
}

// refuted tells whether sub is illegal, by brute force where that is possible.
func (s *shrinker) refuted(sub subset) bool {
	s.tried++
	ops := make([]register.Op, len(sub.pos))
	for i, p := range sub.pos {
		ops[i] = s.k.Ops[p]
		if sub.weak[p] {
			ops[i].Kind, ops[i].Exp = register.Write, register.None
		}
	}
	if len(ops) <= 12 && s.k.Concats == 0 {
		return !brute.Linearizable(ops)
	}
	part := register.Key{Ops: ops, Values: s.k.Values, Writer: s.k.Writer, Concats: s.k.Concats, FailedCASes: s.k.FailedCASes}
	return s.search.run(s.h, &part, limits{stop: s.stop, configurations: 1 << 17, bytes: 64 << 20}) == illegal
}

// shrink makes positions, ascending and refuted, as small as it can: the fewest
// operations where that can be tried out, else so that nothing more can be
// dropped (delta debugging, Zeller and Hildebrandt 2002). ok is false if
// positions as a whole is not closed and refuted.
func (s *shrinker) shrink(positions []int32) (sub subset, ok bool) {
	sub = s.close(positions)
	if !s.refuted(sub) {
		return sub, false
	}
	for size := len(sub.pos) / 2; size >= 1 && len(sub.pos) > 10; {
		removed := false
		for at := 0; at < len(sub.pos); {
			if s.stop() {
				return sub, true
			}
			rest := s.without(sub.pos, at, min(at+size, len(sub.pos)))
			if next := s.close(rest); len(next.pos) < len(sub.pos) && s.refuted(next) {
				sub, removed = next, true
			} else {
				at += size
			}
		}
		if size > 1 {
			size /= 2
		} else if !removed {
			break
		}
	}
	if len(sub.pos) <= 10 && s.k.Concats == 0 {
		sub = s.fewest(sub)
	}
	return sub, true
}

// without is pos without those from at to end. Where texts are appended, every
// later read depends on every change, and only reads can go.
func (s *shrinker) without(pos []int32, at, end int) []int32 {
	rest := slices.Clone(pos[:at])
	if s.k.Concats > 0 {
		for _, p := range pos[at:end] {
			if s.k.Ops[p].Kind != register.Read {
				rest = append(rest, p)
			}
		}
	}
	return append(rest, pos[end:]...)
}

// fewest tries all parts of sub, smallest first; of those with as few
// operations, the one that spans the shortest time.
func (s *shrinker) fewest(sub subset) subset {
	n := len(sub.pos)
	var sets []uint
	for m := uint(1); m < 1<<n; m++ {
		sets = append(sets, m)
	}
	slices.SortStableFunc(sets, func(a, b uint) int {
		return cmp.Compare(bits.OnesCount(a), bits.OnesCount(b))
	})
	best, found := sub, false
	for _, m := range sets {
		if found && bits.OnesCount(m) > len(best.pos) {
			break
		}
		part := make([]int32, 0, n)
		for i, p := range sub.pos {
			if m>>i&1 == 1 {
				part = append(part, p)
			}
		}
		next := s.close(part)
		if len(next.pos) != len(part) || !s.refuted(next) {
			continue
		}
		if !found || s.span(next) < s.span(best) {
			best, found = next, true
		}
	}
	return best
}

// span is the time from the first invocation to the last answer.
func (s *shrinker) span(sub subset) history.Time {
	from, to := history.Never, before
	for _, p := range sub.pos {
		op := &s.k.Ops[p]
		from = min(from, op.Inv)
		if op.Info() {
			to = max(to, op.Inv)
		} else {
			to = max(to, op.Ret)
		}
	}
	return to - from
}
