package witness

import (
	"slices"
	"strconv"

	"github.com/lapse-test/lapse/checkers/internal/evidence"
	"github.com/lapse-test/lapse/history"
)

// This file reads anomalies of counters, identifiers, banks, long forks and of
// replicas that diverge off the operations, straight from their definitions.

// counter: some read of the witness is out of the bounds that the increments set, or
// went back though nothing was subtracted.
func (p *proof) counter() bool {
	type reading struct {
		op  *history.Op
		key history.Key
		v   history.Value
	}
	var reads []reading
	p.mops(func(op *history.Op, m *history.Mop) {
		if m.Func == history.ReadCounter && observed(op, m) {
			reads = append(reads, reading{op, m.Key, m.Ret})
		}
	})
	for _, r := range reads {
		low, high, negative := history.Value(0), history.Value(0), false
		p.each(r.key, func(_ int, op *history.Op, m *history.Mop) bool {
			if m.Func != history.Increment {
				return false
			}
			negative = negative || m.Arg < 0
			acked := op.Outcome == history.OK && op.Complete < r.op.Invoke
			begun := op.Invoke <= r.op.Complete
			if acked || begun && m.Arg < 0 {
				low += m.Arg
			}
			if acked || begun && m.Arg > 0 {
				high += m.Arg
			}
			return false
		})
		if p.v.Anomaly != "counter went back" {
			if r.v < low || r.v > high {
				return true
			}
			continue
		}
		for _, s := range reads {
			if !negative && s.op.Complete < r.op.Invoke && s.key == r.key && s.v > r.v {
				return true
			}
		}
	}
	return false
}

// unique: two operations of the witness were given one identifier.
func (p *proof) unique() bool {
	given := map[history.Value]bool{}
	twice := false
	p.mops(func(op *history.Op, m *history.Mop) {
		if op.Outcome == history.OK && observed(op, m) {
			twice = twice || given[m.Ret]
			given[m.Ret] = true
		}
	})
	return twice
}

// bank: a read of the witness has a balance below zero, misses an account that was
// opened before, or has another total than the bank or another read of the same
// accounts.
func (p *proof) bank() bool {
	total, known := history.Value(0), false
	if n, err := strconv.ParseInt(p.h.Header.Attributes["total"], 10, 64); err == nil {
		total, known = history.Value(n), true
	}
	sums := map[history.Value]bool{}
	for _, i := range p.v.Ops {
		op := p.op(i)
		mops := p.h.Mops(op)
		sum, reads := history.Value(0), 0
		for j := range mops {
			m := &mops[j]
			if m.Func != history.Read || !observed(op, m) {
				continue
			}
			reads++
			if m.Ret != history.Absent {
				sum += m.Ret
			}
			switch p.v.Anomaly {
			case "negative balance":
				if m.Ret != history.Absent && m.Ret < 0 {
					return true
				}
			case "missing account":
				if m.Ret == history.Absent && p.each(m.Key, func(_ int, o *history.Op, x *history.Mop) bool {
					return x.Func == history.Write && o.Outcome == history.OK && o.Complete < op.Invoke
				}) {
					return true
				}
			}
		}
		if reads > 0 {
			sums[sum] = true
		}
	}
	if p.v.Anomaly != "wrong total" {
		return false
	}
	return len(sums) > 1 || known && len(sums) == 1 && !sums[total]
}

// longFork: two reads of the witness, of which each saw a key written that the other
// did not, and no key was written twice.
func (p *proof) longFork() bool {
	writes := map[history.Key]int{}
	for i := range p.h.Ops {
		for _, m := range p.h.Mops(p.op(i)) {
			if m.Func == history.Write && p.op(i).Outcome != history.Fail {
				writes[m.Key]++
			}
		}
	}
	saw := func(i int, k history.Key) (written, read bool) {
		op := p.op(i)
		mops := p.h.Mops(op)
		for j := range mops {
			if m := &mops[j]; m.Key == k && m.Func == history.Read && observed(op, m) {
				return !p.initial(m.Ret), true
			}
		}
		return false, false
	}
	apart := func(a, b int) bool { // some key that a saw written and b did not
		for _, m := range p.h.Mops(p.op(a)) {
			one, _ := saw(a, m.Key)
			other, read := saw(b, m.Key)
			if one && read && !other && writes[m.Key] <= 1 {
				return true
			}
		}
		return false
	}
	for _, a := range p.v.Ops {
		for _, b := range p.v.Ops {
			if a != b && apart(a, b) && apart(b, a) {
				return true
			}
		}
	}
	return false
}

// eventual: final reads of the witness returned two values that no write without an
// answer can have brought, or went from one to another and back.
func (p *proof) eventual() bool {
	from, err := evidence.FinalReads(p.h)
	if err != nil {
		return false
	}
	type reading struct {
		op *history.Op
		v  history.Value
	}
	var reads []reading
	settled := func(key history.Key, v history.Value) bool {
		return !p.each(key, func(_ int, op *history.Op, m *history.Mop) bool {
			return op.Outcome == history.Info && (m.Func.Installs() && m.Arg == v || m.Func == history.Delete && v == history.Absent)
		})
	}
	var firm []reading
	p.mops(func(op *history.Op, m *history.Mop) {
		if m.Func != history.Read || !observed(op, m) || op.Invoke <= from {
			return
		}
		r := reading{op, m.Ret}
		reads = append(reads, r)
		if settled(m.Key, m.Ret) {
			firm = append(firm, r)
		}
	})
	for _, a := range firm {
		if slices.ContainsFunc(firm, func(b reading) bool { return b.v != a.v }) {
			return true
		}
	}
	for _, a := range reads {
		for _, b := range reads {
			for _, c := range reads {
				if a.v == c.v && a.v != b.v && a.op.Complete < b.op.Invoke && b.op.Complete < c.op.Invoke {
					return true
				}
			}
		}
	}
	return false
}
