package sequential

import (
	"context"
	"slices"

	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/checkers/internal/serial"
	"github.com/lapse-test/lapse/history"
)

// This file decides histories that do not say who read from whom, because values have
// several writers or compare-and-sets did not say what they met: by values alone.

// byValues searches an order by values. One that extends real time too is tried first:
// there is less to choose from, and a database that works has one.
func (g *graph) byValues() result {
	g.searched, g.doubled = true, true
	for _, o := range []serial.Options{
		{RealTime: true, Positions: 4*len(g.f.Ops) + 1<<16},
		{},
	} {
		o.Stop, o.Memory = g.stop, g.memory/2
		a := serial.Search(g.set, o)
		g.positions += a.Visited
		switch {
		case a.Result == serial.Found:
			return satisfied
		case o.RealTime:
		case a.Result == serial.None:
			return refuted
		default:
			g.reason = a.Reason + ": values were written several times, so that what was read does not name a write"
		}
	}
	return unknown
}

// fewestByValues is fewest for what only the search by values refuted: some operations
// that no order explains, with every write that one of them can have read from.
func (g *graph) fewestByValues(ctx context.Context) []int {
	h := g.f.H
	var ops []int // those that say something
	var k register.Key
	for n := range g.set.Keys {
		g.set.Load(n, &k)
		for i := range k.Ops {
			ops = append(ops, int(k.Ops[i].At))
		}
	}
	slices.Sort(ops)
	says := slices.Clone(ops)
	const try = 1 << 15
	refutes := func(part []int) bool {
		set, err := register.Split(withWriters(h, says, part), Model, false)
		if err != nil || len(part) == 0 {
			return false
		}
		return serial.Search(set, serial.Options{Positions: try, Stop: func() bool { return ctx.Err() != nil }}).Result == serial.None
	}
	lo, hi := 0, len(ops)
	for lo+1 < hi {
		if mid := (lo + hi) / 2; refutes(ops[:mid]) {
			hi = mid
		} else {
			lo = mid
		}
	}
	ops = drop(ctx, ops[:hi], refutes)
	all := slices.Clone(ops)
	all = append(all, writersOf(h, says, ops)...)
	slices.Sort(all)
	const shown = 24
	if all = slices.Compact(all); len(all) <= shown {
		return all
	}
	return ops
}

// drop leaves out ever smaller runs of ops for as long as the rest refutes.
func drop(ctx context.Context, ops []int, refutes func([]int) bool) []int {
	for size := max(1, len(ops)/2); ; size = max(1, size/2) {
		removed := false
		for at := 0; at < len(ops) && ctx.Err() == nil; {
			rest := slices.Concat(ops[:at], ops[min(at+size, len(ops)):])
			if refutes(rest) {
				ops, removed = rest, true
			} else {
				at += size
			}
		}
		if size == 1 && !removed || ctx.Err() != nil {
			return ops
		}
	}
}

// writersOf are the operations among says that some of ops can have read from.
func writersOf(h *history.History, says, ops []int) []int {
	type value struct {
		key history.Key
		v   history.Value
	}
	saw, any := map[value]bool{}, map[history.Key]bool{}
	for _, i := range ops {
		op, m := &h.Ops[i], h.Mop(&h.Ops[i])
		switch {
		case m.Func == history.CAS && op.Outcome != history.Fail:
			saw[value{m.Key, m.Expect}] = true
		case m.Flags&history.Observed != 0:
			saw[value{m.Key, m.Ret}] = true
		case m.Flags&history.Mismatched != 0:
			any[m.Key] = true
		}
	}
	var out []int
	for _, i := range says {
		op, m := &h.Ops[i], h.Mop(&h.Ops[i])
		v := m.Arg
		if m.Func == history.Delete {
			v = history.Absent
		}
		if op.Outcome != history.Fail && m.Func.Writes() && (any[m.Key] || saw[value{m.Key, v}]) {
			out = append(out, i)
		}
	}
	return out
}

// withWriters is the part of h with ops and what they can have read from, of which the
// compare-and-sets that are not among ops stand as plain writes. A legal order of h,
// restricted to it, is a legal order of it.
func withWriters(h *history.History, says, ops []int) *history.History {
	all := slices.Concat(ops, writersOf(h, says, ops))
	slices.Sort(all)
	all = slices.Compact(all)
	part := h.Subset(all)
	for at, i := range all {
		m := &part.Mops(&part.Ops[at])[0]
		if m.Func == history.CAS && part.Ops[at].Outcome != history.Fail && !slices.Contains(ops, i) {
			m.Func, m.Expect = history.Write, 0
		}
	}
	return part
}
