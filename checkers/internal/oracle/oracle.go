// Package oracle decides the register models for histories of a handful of
// operations, straight from their definitions and from the history itself: it shares
// no code with the checkers whose tests and witnesses it judges, nor with package
// brute, which works on the same flat records as they do. Values may be written by
// several operations: a history satisfies a model if some choice of what each operation
// read from satisfies it. Exponential.
package oracle

import (
	"github.com/lapse-test/lapse/history"
)

// kind sorts operations by their effect on a register.
type kind uint8

const (
	read  kind = iota // sees val
	write             // installs val
	cas               // sees exp, installs val
	miss              // sees anything but exp
)

// op is one operation that says something.
type op struct {
	kind     kind
	key      history.Key
	exp, val history.Value
	inv, ret history.Time
	session  int32
	info     bool
	node     int16
}

func (o *op) installs() bool { return o.kind == write || o.kind == cas }

// sees tells what o saw; ok is false if it saw nothing certain.
func (o *op) sees() (v history.Value, ok bool) {
	switch o.kind {
	case read:
		return o.val, true
	case cas:
		return o.exp, true
	}
	return 0, false
}

// Of are the operations of h that say something, in the order of invocation: those
// that were answered, writes that were not, and compare-and-sets that certainly met
// another value.
type Of struct {
	ops     []op
	initial history.Value
}

// New reads h, whose operations must be on registers, one each.
func New(h *history.History) *Of {
	o := &Of{initial: h.Header.Initial}
	for i := range h.Ops {
		rec := &h.Ops[i]
		m := h.Mop(rec)
		x := op{key: m.Key, val: m.Arg, inv: rec.Invoke, ret: rec.Complete, session: rec.Session, info: rec.Outcome == history.Info, node: rec.Node}
		switch m.Func {
		case history.Read:
			if rec.Outcome != history.OK {
				continue
			}
			x.kind, x.val = read, m.Ret
		case history.Write:
			x.kind = write
		case history.Delete:
			x.kind, x.val = write, history.Absent
		case history.CAS:
			x.kind, x.exp = cas, m.Expect
		}
		if rec.Outcome == history.Fail {
			switch {
			case m.Func != history.CAS:
				continue
			case m.Flags&history.Observed != 0:
				x.kind, x.val = read, m.Ret
			case m.Flags&history.Mismatched != 0:
				x.kind = miss
			default:
				continue
			}
		}
		o.ops = append(o.ops, x)
	}
	return o
}

// The most operations and keys that the functions of this package bear.
const (
	maxOps  = 24
	maxKeys = 8
)

// Small tells whether there are few enough operations and keys to try all orders.
func (o *Of) Small() bool {
	keys := map[history.Key]bool{}
	for i := range o.ops {
		keys[o.ops[i].key] = true
	}
	return len(o.ops) <= maxOps && len(keys) <= maxKeys
}

// inSession tells whether i comes before j in one session. Behind an operation
// without an answer nothing does.
func (o *Of) inSession(i, j int) bool {
	return i < j && o.ops[i].session == o.ops[j].session && !o.ops[i].info
}

// Linearizable tells whether each key by itself has an order that extends real time.
func (o *Of) Linearizable() bool {
	keys := map[history.Key]bool{}
	for i := range o.ops {
		keys[o.ops[i].key] = true
	}
	for k := range keys {
		var of []int
		for i := range o.ops {
			if o.ops[i].key == k {
				of = append(of, i)
			}
		}
		if !o.ordered(of, func(i, j int) bool { return o.ops[i].ret < o.ops[j].inv }, func(int) bool { return true }) {
			return false
		}
	}
	return true
}

// Sequential tells whether all keys together have an order that extends every session's own.
func (o *Of) Sequential() bool {
	all := make([]int, len(o.ops))
	for i := range all {
		all[i] = i
	}
	return o.ordered(all, o.inSession, func(int) bool { return true })
}

// ordered tells whether the operations of have a legal order that extends before;
// only what watched operations saw counts, and the unwatched ones only write.
func (o *Of) ordered(of []int, before func(i, j int) bool, watched func(i int) bool) bool {
	type state struct {
		done uint32
		last [maxKeys]history.Value
	}
	places := map[history.Key]int{}
	start := state{}
	for _, i := range of {
		if _, ok := places[o.ops[i].key]; !ok {
			start.last[len(places)] = o.initial
			places[o.ops[i].key] = len(places)
		}
	}
	seen := map[state]bool{}
	var try func(s state) bool
	try = func(s state) bool {
		if seen[s] {
			return false
		}
		seen[s] = true
		finished := true
		for n, i := range of {
			finished = finished && (s.done>>n&1 == 1 || o.ops[i].info)
		}
		if finished {
			return true
		}
		for n, i := range of {
			ready := s.done>>n&1 == 0
			for m, j := range of {
				if s.done>>m&1 == 0 && before(j, i) && !o.ops[j].info {
					ready = false
				}
			}
			if !ready {
				continue
			}
			x := &o.ops[i]
			at := &s.last[places[x.key]]
			legal := true
			if watched(i) {
				switch x.kind {
				case read:
					legal = *at == x.val
				case cas:
					legal = *at == x.exp
				case miss:
					legal = *at != x.exp
				}
			}
			if !legal {
				continue
			}
			next := s
			next.done |= 1 << n
			if x.installs() {
				next.last[places[x.key]] = x.val
			}
			if try(next) {
				return true
			}
		}
		return false
	}
	return try(start)
}

// Grounded tells whether no operation that was answered saw a value that its key can
// never have held: it holds the initial one, what plain writes write, and what
// compare-and-sets make of that.
func (o *Of) Grounded() bool {
	type at struct {
		k history.Key
		v history.Value
	}
	held := map[at]bool{}
	for before := -1; before < len(held); {
		before = len(held)
		for i := range o.ops {
			x := &o.ops[i]
			held[at{x.key, o.initial}] = true
			if x.kind == write || x.kind == cas && held[at{x.key, x.exp}] {
				held[at{x.key, x.val}] = true
			}
		}
	}
	for i := range o.ops {
		if v, ok := o.ops[i].sees(); ok && !o.ops[i].info && !held[at{o.ops[i].key, v}] {
			return false
		}
	}
	return true
}

// Regular tells whether every operation that was answered saw the value of a write
// that it overlaps or that no other write separates from it, and nothing came out of
// thin air. Safe leaves out what overlaps a write, and compare-and-sets.
func (o *Of) Regular(safe bool) bool {
	if !safe && !o.Grounded() {
		return false
	}
	for i := range o.ops {
		x := &o.ops[i]
		v, ok := x.sees()
		if !ok || x.info || safe && x.kind == cas {
			continue
		}
		good, overlaps, first := false, false, true
		for j := range o.ops {
			w := &o.ops[j]
			if !w.installs() || w.key != x.key || i == j || !o.possible(j) {
				continue
			}
			overlaps = overlaps || w.inv <= x.ret && w.ret >= x.inv
			first = first && w.ret >= x.inv
			if w.val != v || w.inv > x.ret {
				continue
			}
			separated := false
			for l := range o.ops {
				y := &o.ops[l]
				if y.installs() && y.key == x.key && w.ret < y.inv && y.ret < x.inv {
					separated = true
				}
			}
			good = good || !separated
		}
		good = good || v == o.initial && first
		if !good && !(safe && overlaps) {
			return false
		}
	}
	return true
}

// possible tells whether operation i can have happened at all: a compare-and-set
// without an answer only if its key can have held what it expects.
func (o *Of) possible(i int) bool {
	if !o.ops[i].info || o.ops[i].kind != cas {
		return true
	}
	probe := Of{initial: o.initial}
	for j := range o.ops {
		if o.ops[j].installs() {
			probe.ops = append(probe.ops, o.ops[j])
		}
	}
	probe.ops = append(probe.ops, op{kind: read, key: o.ops[i].key, val: o.ops[i].exp})
	for j := range probe.ops[:len(probe.ops)-1] {
		if y := &probe.ops[j]; y.kind == cas && !y.info {
			y.kind = write // it happened, whatever it saw
		}
	}
	return probe.Grounded()
}
