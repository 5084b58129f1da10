package refute

import (
	"context"
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
)

// This file refutes witnesses of sets, lists and queues by trying every order. What
// is tried is the projection of the witness onto a few elements, with everything in
// the whole history that put those elements in or took them out: a legal order of
// the whole history, restricted to some reads and to the operations on some
// elements, is a legal order of the projection. So an illegal projection refutes the
// history.

// The anomalies of objects on which it depends how they are proven.
const (
	// UnexpectedElement: nobody put it in. AbortedElement: who did failed.
	UnexpectedElement = "unexpected element"
	AbortedElement    = "aborted element"
	// LostElement is about a weak set: no later read saw the element.
	LostElement = "lost element"
	// RemovedElement: its removal was acknowledged, and a read has it. Whether that read is stale, the removal did nothing or
	// the element came back cannot be seen from outside.
	RemovedElement = "removed element"
	// These are about what was seen alone, so that they must be proven without real
	// time.
	IncompatibleOrder = "incompatible order"
	IncomparableReads = "incomparable reads"
	DuplicateElement  = "duplicate element"
)

// maxUnits bounds what is tried.
const maxUnits = 16

// unit is one micro-operation of a projection.
type unit struct {
	f        history.Func
	inv, ret history.Time
	optional bool // it may never have happened
	arg      history.Value
	seen     bool
	took     history.Value   // of a dequeue
	list     []history.Value // of a read, projected
}

// Object refutes witnesses of linearizable sets, lists and queues.
func Object() checkers.Refuter { return objects(false, nil) }

// WeakObject refutes witnesses of sets and queues that promise less than to be
// linearizable. The projection is then onto one element, where they say no less than the
// strong ones; what they ask beyond that is looked up with also, unless it is nil.
func WeakObject(also func(p *Proof, element history.Value) bool) checkers.Refuter {
	return objects(true, also)
}

func objects(weak bool, also func(p *Proof, element history.Value) bool) checkers.Refuter {
	return func(ctx context.Context, h *history.History, v *checkers.Violation) (by string, proven bool) {
		p := &Proof{Ctx: ctx, H: h, V: v}
		for _, elements := range p.candidates(weak) {
			units, ok := p.project(elements)
			if !ok {
				continue
			}
			by = ByOrders
			if p.legal(units) || also != nil && !also(p, elements[0]) {
				continue
			}
			return by, true
		}
		return by, false
	}
}

// candidates are the sets of elements to project onto, the likeliest first.
func (p *Proof) candidates(weak bool) [][]history.Value {
	var put, seen, strange []history.Value
	counts := map[history.Value]int{}
	reads := 0
	p.Mops(func(op *history.Op, m *history.Mop) {
		switch {
		case m.Func.Installs() || m.Func == history.Remove:
			put = append(put, m.Arg)
		case m.Func == history.Dequeue && Observed(op, m) && m.Ret != history.Absent:
			seen = append(seen, m.Ret)
			strange = append(strange, m.Ret)
		case Observed(op, m):
			reads++
			for _, v := range p.H.List(m) {
				counts[v]++
			}
		}
	})
	for v, n := range counts {
		if n != reads { // seen by some and not by others, or twice
			strange = append(strange, v)
		} else {
			seen = append(seen, v)
		}
	}
	slices.Sort(put)
	slices.Sort(seen)
	slices.Sort(strange)
	put, seen, strange = slices.Compact(put), slices.Compact(seen), slices.Compact(strange)
	// Only of these is it said that nobody put them in.
	if p.V.Anomaly != UnexpectedElement && p.V.Anomaly != AbortedElement {
		unknown := func(v history.Value) bool { return !p.triedHere(v) }
		put, seen, strange = slices.DeleteFunc(put, unknown), slices.DeleteFunc(seen, unknown), slices.DeleteFunc(strange, unknown)
	}
	var out [][]history.Value
	for _, v := range slices.Concat(put, strange, seen) {
		out = append(out, []history.Value{v})
	}
	if weak {
		return out
	}
	if len(put) > 1 && len(put) <= 5 && !p.timeless() {
		out = slices.Insert(out, 0, put)
	}
	const most = 12 // pairs of more say nothing new
	some := slices.Concat(put, strange)
	some = some[:min(len(some), most)]
	for i, a := range some {
		for _, b := range some[:i] {
			out = append(out, []history.Value{a, b})
		}
	}
	return out
}

// timeless tells whether the anomaly is one of what was seen alone, so that it must
// be proven without real time.
func (p *Proof) timeless() bool {
	return slices.Contains([]string{IncompatibleOrder, IncomparableReads, DuplicateElement}, p.V.Anomaly)
}

// triedHere tells whether somebody tried to put v into the key of the witness.
func (p *Proof) triedHere(v history.Value) bool {
	for at, w := range p.writersOfSeen() {
		if at.v == v && p.H.KeyName(at.key) == p.V.Key && (w.happened || w.failed) {
			return true
		}
	}
	// What the witness put in itself need not have been seen.
	put := false
	p.Mops(func(_ *history.Op, m *history.Mop) { put = put || m.Func.Installs() && m.Arg == v })
	return put
}

// project makes the projection onto elements; ok is false if it is too large. What
// failed to put an element in may have put it in all the same, unless that is what the
// violation is about: it is then another violation, and this one must not rest on it.
func (p *Proof) project(elements []history.Value) (units []unit, ok bool) {
	in := func(v history.Value) bool { return slices.Contains(elements, v) }
	for i := range p.H.Ops {
		op := p.Op(i)
		mops := p.H.Mops(op)
		for j := range mops {
			m := &mops[j]
			if p.H.KeyName(m.Key) != p.V.Key || op.Outcome == history.Fail && (!m.Func.Installs() || p.V.Anomaly == AbortedElement) {
				continue
			}
			u := unit{f: m.Func, inv: op.Invoke, ret: op.Complete, arg: m.Arg, seen: Observed(op, m), optional: op.Outcome != history.OK}
			if op.Outcome == history.Fail {
				u.ret = history.Never
			}
			if p.timeless() {
				u.inv, u.ret = 0, history.Never
			}
			switch m.Func {
			case history.Add, history.Append, history.Enqueue, history.Remove:
				if !in(m.Arg) {
					continue
				}
			case history.ReadSet, history.ReadList:
				if !p.InWitness(i) || !u.seen {
					continue
				}
				for _, v := range p.H.List(m) {
					if in(v) {
						u.list = append(u.list, v)
					}
				}
			case history.Dequeue:
				u.took = m.Ret
				if u.seen && m.Ret == history.Absent && !p.InWitness(i) || u.seen && m.Ret != history.Absent && !in(m.Ret) {
					continue
				}
			default:
				continue
			}
			units = append(units, u)
			if len(units) > maxUnits {
				return nil, false
			}
		}
	}
	return units, true
}

// legal tells whether units have an order that agrees with real time and with what
// was returned.
func (p *Proof) legal(units []unit) bool {
	seen := map[string]bool{}
	var try func(done uint32, state []history.Value) bool
	try = func(done uint32, state []history.Value) bool {
		key := fmt.Sprint(done, state)
		if seen[key] {
			return false
		}
		seen[key] = true
		open := true
		for i := range units {
			open = open && (done>>i&1 == 1 || units[i].optional)
		}
		if open {
			return true
		}
		for i := range units {
			if done>>i&1 == 1 {
				continue
			}
			first := true
			for j := range units {
				first = first && (done>>j&1 == 1 || units[j].ret >= units[i].inv)
			}
			if !first {
				continue
			}
			if next, ok := units[i].step(state); ok && try(done|1<<i, next) {
				return true
			}
			if units[i].optional && try(done|1<<i, state) {
				return true
			}
		}
		return false
	}
	return try(0, nil)
}

// step is the state after u in state; ok is false if u cannot be next. Sets are kept
// sorted.
func (u *unit) step(state []history.Value) (next []history.Value, ok bool) {
	switch u.f {
	case history.Append, history.Enqueue:
		return append(slices.Clone(state), u.arg), true
	case history.Add:
		next = append(slices.Clone(state), u.arg)
		slices.Sort(next)
		return slices.Compact(next), true
	case history.Remove:
		return slices.DeleteFunc(slices.Clone(state), func(v history.Value) bool { return v == u.arg }), true
	case history.ReadList:
		return state, slices.Equal(u.list, state)
	case history.ReadSet:
		got := slices.Clone(u.list)
		slices.Sort(got)
		return state, slices.Equal(got, state)
	case history.Dequeue:
		switch {
		case len(state) == 0:
			return state, !u.seen || u.took == history.Absent
		case u.seen && u.took != state[0]:
			return nil, false
		}
		return state[1:], true
	}
	return state, true
}
