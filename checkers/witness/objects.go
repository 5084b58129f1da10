package witness

import (
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/checkers/queue"
	"github.com/lapse-test/lapse/checkers/set"
	"github.com/lapse-test/lapse/history"
)

// This file refutes witnesses of sets, lists and queues by trying every order. What
// is tried is the projection of the witness onto a few elements, with everything in
// the whole history that put those elements in or took them out: a legal order of
// the whole history, restricted to some reads and to the operations on some
// elements, is a legal order of the projection. So an illegal projection refutes the
// history.

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

// object refutes the witness of a set, list or queue. For the weak models of sets and
// queues the projection is onto one element, where they say no less than the strong
// ones, and what they ask beyond that is looked up.
func (p *proof) object() (by string, proven bool) {
	tried := false
	for _, elements := range p.candidates() {
		units, ok := p.project(elements)
		if !ok {
			continue
		}
		tried = true
		if p.legal(units) {
			continue
		}
		if p.v.Model == set.Model && p.v.Anomaly == "lost element" && !p.goneForGood(elements[0]) {
			continue
		}
		return byOrders, true
	}
	if !tried {
		return "", false
	}
	return byOrders, false
}

// candidates are the sets of elements to project onto, the likeliest first.
func (p *proof) candidates() [][]history.Value {
	var put, seen, strange []history.Value
	counts := map[history.Value]int{}
	reads := 0
	p.mops(func(op *history.Op, m *history.Mop) {
		switch {
		case m.Func.Installs() || m.Func == history.Remove:
			put = append(put, m.Arg)
		case m.Func == history.Dequeue && observed(op, m) && m.Ret != history.Absent:
			seen = append(seen, m.Ret)
			strange = append(strange, m.Ret)
		case observed(op, m):
			reads++
			for _, v := range p.h.List(m) {
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
	if p.v.Anomaly != "unexpected element" && p.v.Anomaly != "aborted element" {
		unknown := func(v history.Value) bool { return !p.triedHere(v) }
		put, seen, strange = slices.DeleteFunc(put, unknown), slices.DeleteFunc(seen, unknown), slices.DeleteFunc(strange, unknown)
	}
	var out [][]history.Value
	for _, v := range slices.Concat(put, strange, seen) {
		out = append(out, []history.Value{v})
	}
	weak := p.v.Model == set.Model || p.v.Model == queue.Model
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
func (p *proof) timeless() bool {
	return slices.Contains([]string{"incompatible order", "incomparable reads", "duplicate element"}, p.v.Anomaly)
}

// triedHere tells whether somebody tried to put v into the key of the witness.
func (p *proof) triedHere(v history.Value) bool {
	for at, w := range p.writersOfSeen() {
		if at.v == v && p.h.KeyName(at.key) == p.v.Key && (w.happened || w.failed) {
			return true
		}
	}
	// What the witness put in itself need not have been seen.
	put := false
	p.mops(func(_ *history.Op, m *history.Mop) { put = put || m.Func.Installs() && m.Arg == v })
	return put
}

// mops calls f with the micro-operations of the witness on its key.
func (p *proof) mops(f func(op *history.Op, m *history.Mop)) {
	for _, i := range p.v.Ops {
		op := p.op(i)
		mops := p.h.Mops(op)
		for j := range mops {
			if p.h.KeyName(mops[j].Key) == p.v.Key {
				f(op, &mops[j])
			}
		}
	}
}

// project makes the projection onto elements; ok is false if it is too large. What
// failed to put an element in may have put it in all the same, unless that is what the
// violation is about: it is then another violation, and this one must not rest on it.
func (p *proof) project(elements []history.Value) (units []unit, ok bool) {
	in := func(v history.Value) bool { return slices.Contains(elements, v) }
	for i := range p.h.Ops {
		op := p.op(i)
		mops := p.h.Mops(op)
		for j := range mops {
			m := &mops[j]
			if p.h.KeyName(m.Key) != p.v.Key || op.Outcome == history.Fail && (!m.Func.Installs() || p.v.Anomaly == "aborted element") {
				continue
			}
			u := unit{f: m.Func, inv: op.Invoke, ret: op.Complete, arg: m.Arg, seen: observed(op, m), optional: op.Outcome != history.OK}
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
				if !p.inWitness(i) || !u.seen {
					continue
				}
				for _, v := range p.h.List(m) {
					if in(v) {
						u.list = append(u.list, v)
					}
				}
			case history.Dequeue:
				u.took = m.Ret
				if u.seen && m.Ret == history.Absent && !p.inWitness(i) || u.seen && m.Ret != history.Absent && !in(m.Ret) {
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
func (p *proof) legal(units []unit) bool {
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

// goneForGood tells whether element v was never removed and not seen by any read that
// began after a read of the witness that missed it.
func (p *proof) goneForGood(v history.Value) bool {
	missed := history.Time(-1)
	p.mops(func(op *history.Op, m *history.Mop) {
		if m.Func == history.ReadSet && observed(op, m) && !slices.Contains(p.h.List(m), v) {
			missed = max(missed, op.Invoke)
		}
	})
	if missed < 0 {
		return false
	}
	for i := range p.h.Ops {
		op := p.op(i)
		mops := p.h.Mops(op)
		for j := range mops {
			m := &mops[j]
			if p.h.KeyName(m.Key) != p.v.Key {
				continue
			}
			if m.Func == history.Remove && m.Arg == v && op.Outcome != history.Fail ||
				m.Func == history.ReadSet && observed(op, m) && op.Invoke >= missed && slices.Contains(p.h.List(m), v) {
				return false
			}
		}
	}
	return true
}
