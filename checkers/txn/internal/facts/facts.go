// Package facts refutes witnesses of anomalies that are facts rather than cycles, off
// the operations alone and without anything that found them.
package facts

import (
	"context"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/checkers/txn/internal/anomaly"
	"github.com/lapse-test/lapse/history"
)

// This file reads the anomalies of transactions that are facts rather than cycles off
// the operations. Cycles come verified edge by edge.

// proof is a violation of an isolation level under examination.
type proof struct{ *refute.Proof }

// Refuted is the checkers.Refuter of all levels.
func Refuted(ctx context.Context, h *history.History, v *checkers.Violation) (by string, proven bool) {
	p := proof{&refute.Proof{Ctx: ctx, H: h, V: v}}
	if p.V.Certified != "" {
		return p.V.Certified, true
	}
	var fact func() bool
	switch p.V.Anomaly {
	case anomaly.ThinAir:
		fact = func() bool {
			return p.anyRead(func(_ int, k history.Key, v history.Value) bool { return !p.EverWritten(k, v, true) })
		}
	case anomaly.G1a:
		fact = func() bool {
			return p.anyRead(func(_ int, k history.Key, v history.Value) bool {
				return !p.EverWritten(k, v, false) && p.EverWritten(k, v, true)
			})
		}
	case anomaly.G1b:
		fact = func() bool { return p.anyRead(p.intermediate) }
	case anomaly.Internal, anomaly.Future, anomaly.NonRepeatable:
		fact = func() bool { return slices.ContainsFunc(p.V.Ops, p.contradictsItself) }
	case anomaly.LostUpdate:
		fact = p.lostUpdate
	case anomaly.DirtyUpdate:
		fact = p.dirtyUpdate
	case anomaly.Incompatible:
		fact = p.incompatible
	case anomaly.Duplicate:
		fact = p.duplicate
	default:
		return "", false
	}
	return refute.ByDefinition, fact()
}

// anyRead tells whether some value that the witness read, not as its own, makes f
// true.
func (p proof) anyRead(f func(op int, k history.Key, v history.Value) bool) bool {
	for _, i := range p.V.Ops {
		op := p.Op(i)
		mops := p.H.Mops(op)
		for j := range mops {
			for _, v := range p.valuesOf(op, &mops[j]) {
				if !p.Initial(v) && !p.wrote(i, mops[j].Key, v) && f(i, mops[j].Key, v) {
					return true
				}
			}
		}
	}
	return false
}

// valuesOf are the values that m saw.
func (p proof) valuesOf(op *history.Op, m *history.Mop) []history.Value {
	switch {
	case m.Func == history.CAS && op.Outcome != history.Fail:
		return []history.Value{m.Expect}
	case m.Flags&history.Observed == 0:
		return nil
	case m.Func == history.Read:
		return []history.Value{m.Ret}
	case m.Func == history.ReadList:
		return p.H.List(m)
	}
	return nil
}

func (p proof) wrote(i int, k history.Key, v history.Value) bool {
	return slices.ContainsFunc(p.H.Mops(p.Op(i)), func(m history.Mop) bool {
		return m.Key == k && (m.Func.Installs() && m.Arg == v || m.Func == history.Delete && v == history.Absent)
	})
}

// intermediate tells whether v is a write to k that its transaction, one of the
// witness, made and then wrote over, or appended to without it being seen.
func (p proof) intermediate(reader int, k history.Key, v history.Value) bool {
	for _, w := range p.V.Ops {
		if w == reader || !p.wrote(w, k, v) {
			continue
		}
		mops := p.H.Mops(p.Op(w))
		at := slices.IndexFunc(mops, func(m history.Mop) bool { return m.Key == k && m.Func.Installs() && m.Arg == v })
		for _, m := range mops[at+1:] {
			if m.Key == k && m.Func.Writes() && !p.sawTogether(reader, k, v, m.Arg) {
				return true
			}
		}
	}
	return false
}

// sawTogether tells whether a list that transaction i read has a and then b.
func (p proof) sawTogether(i int, k history.Key, a, b history.Value) bool {
	mops := p.H.Mops(p.Op(i))
	found := false
	for j := range mops {
		if m := &mops[j]; m.Key == k && m.Func == history.ReadList && m.Flags&history.Observed != 0 {
			list := p.H.List(m)
			x := len(list) - 1
			for x >= 0 && list[x] != a {
				x--
			}
			if x < 0 {
				continue
			}
			if slices.Index(list[x:], b) < 0 {
				return false
			}
			found = true
		}
	}
	return found
}

// contradictsItself tells whether transaction i did not see its own writes, saw its
// own later ones, or read one key as two versions.
func (p proof) contradictsItself(i int) bool {
	type state struct {
		known bool // what the whole key holds
		value history.Value
		list  []history.Value
		own   []history.Value // own appends, where nothing else is known
	}
	keys := map[history.Key]*state{}
	op := p.Op(i)
	mops := p.H.Mops(op)
	for j := range mops {
		m := &mops[j]
		s := keys[m.Key]
		if s == nil {
			s = &state{}
			keys[m.Key] = s
		}
		switch m.Func {
		case history.Write, history.Delete:
			s.known, s.value = true, m.Arg
			if m.Func == history.Delete {
				s.value = history.Absent
			}
		case history.Append:
			s.list, s.own = append(slices.Clone(s.list), m.Arg), append(s.own, m.Arg)
		case history.CAS:
			if op.Outcome != history.Fail && s.known && s.value != m.Expect {
				return true
			}
			// What it installs itself is there only afterwards.
			if op.Outcome == history.OK && !s.known && p.later(mops[j:], m.Key, m.Expect) && p.onlyOwn(i, m.Key, m.Expect) {
				return true
			}
			s.known, s.value = true, m.Arg
		case history.Read:
			if m.Flags&history.Observed == 0 {
				continue
			}
			if s.known && s.value != m.Ret || p.later(mops[j+1:], m.Key, m.Ret) {
				return true
			}
			s.known, s.value = true, m.Ret
		case history.ReadList:
			if m.Flags&history.Observed == 0 {
				continue
			}
			list := p.H.List(m)
			for _, v := range list {
				if p.later(mops[j+1:], m.Key, v) {
					return true
				}
			}
			if s.known && !slices.Equal(s.list, list) || len(list) < len(s.own) || !slices.Equal(list[len(list)-len(s.own):], s.own) {
				return true
			}
			s.known, s.list = true, list
		}
	}
	return false
}

func (p proof) later(mops []history.Mop, k history.Key, v history.Value) bool {
	return slices.ContainsFunc(mops, func(m history.Mop) bool { return m.Key == k && m.Func.Installs() && m.Arg == v })
}

// onlyOwn tells whether nothing that may have happened but transaction i put v into k.
func (p proof) onlyOwn(i int, k history.Key, v history.Value) bool {
	return !p.Initial(v) && !p.Each(k, func(other int, _ *history.Op, m *history.Mop) bool {
		return other != i && m.Func.Installs() && m.Arg == v
	})
}

// lostUpdate: two transactions of the witness first read the same version of a key
// and both wrote the key.
func (p proof) lostUpdate() bool {
	first := func(i int, k history.Key) (version []history.Value, ok bool) {
		op := p.Op(i)
		mops := p.H.Mops(op)
		read := false
		for j := range mops {
			m := &mops[j]
			if m.Key != k {
				continue
			}
			if !read && m.Func.Writes() && m.Func != history.CAS {
				return nil, false
			}
			if !read && (m.Flags&history.Observed != 0 || m.Func == history.CAS) {
				version, read = p.valuesOf(op, m), true
			}
			if read && m.Func.Writes() && op.Outcome != history.Fail {
				return version, true
			}
		}
		return nil, false
	}
	for _, a := range p.V.Ops {
		for _, m := range p.H.Mops(p.Op(a)) {
			x, ok := first(a, m.Key)
			for _, b := range p.V.Ops {
				if y, too := first(b, m.Key); ok && too && a != b && slices.Equal(x, y) {
					return true
				}
			}
		}
	}
	return false
}

// dirtyUpdate: a transaction that did not fail put something after a version of one
// that failed.
func (p proof) dirtyUpdate() bool {
	for _, i := range p.V.Ops {
		op := p.Op(i)
		mops := p.H.Mops(op)
		for j := range mops {
			m := &mops[j]
			values := p.valuesOf(op, m)
			for at, v := range values {
				if p.Initial(v) || p.EverWritten(m.Key, v, false) || !p.EverWritten(m.Key, v, true) {
					continue
				}
				rest := values[at+1:]
				if slices.ContainsFunc(rest, func(w history.Value) bool { return p.EverWritten(m.Key, w, false) }) {
					return true
				}
				if op.Outcome != history.Fail && slices.ContainsFunc(mops[j:], func(w history.Mop) bool { return w.Key == m.Key && w.Func.Writes() }) {
					return true
				}
			}
		}
	}
	return false
}

// foreign is the list that transaction i read with m, without its own appends at the
// end.
func (p proof) foreign(i int, m *history.Mop) []history.Value {
	list := p.H.List(m)
	for len(list) > 0 && p.wrote(i, m.Key, list[len(list)-1]) {
		list = list[:len(list)-1]
	}
	return list
}

// incompatible: two lists of a key of which neither begins with the other, or a list
// with the appends of one transaction not in their order or not all.
func (p proof) incompatible() bool {
	lists := map[history.Key][][]history.Value{}
	for _, i := range p.V.Ops {
		op := p.Op(i)
		mops := p.H.Mops(op)
		for j := range mops {
			if m := &mops[j]; m.Func == history.ReadList && m.Flags&history.Observed != 0 {
				lists[m.Key] = append(lists[m.Key], p.foreign(i, m), p.H.List(m))
			}
		}
	}
	for k, all := range lists {
		for a, x := range all {
			for _, y := range all[:a] {
				n := min(len(x), len(y))
				if !slices.Equal(x[:n], y[:n]) {
					return true
				}
			}
			for _, w := range p.V.Ops {
				if p.reversed(w, k, x) {
					return true
				}
			}
		}
	}
	return false
}

// reversed tells whether list has an append of transaction w before, or without, one
// that w made earlier.
func (p proof) reversed(w int, k history.Key, list []history.Value) bool {
	var own []history.Value
	for _, m := range p.H.Mops(p.Op(w)) {
		if m.Key == k && m.Func == history.Append {
			own = append(own, m.Arg)
		}
	}
	for i, b := range own {
		at := slices.Index(list, b)
		for _, a := range own[:i] {
			if before := slices.Index(list, a); at >= 0 && (before < 0 || before > at) {
				return true
			}
		}
	}
	return false
}

// duplicate: a list of the witness has an element twice.
func (p proof) duplicate() bool {
	for _, i := range p.V.Ops {
		mops := p.H.Mops(p.Op(i))
		for j := range mops {
			if m := &mops[j]; m.Func == history.ReadList && m.Flags&history.Observed != 0 {
				list := slices.Clone(p.H.List(m))
				slices.Sort(list)
				if len(slices.Compact(list)) < len(p.H.List(m)) {
					return true
				}
			}
		}
	}
	return false
}
