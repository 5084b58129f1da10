package history

import "slices"

// Join is the history of the operations of parts, which must be parts of one history
// (Parts, Subset): with the header, names, faults and events of the first. An operation
// that stands in several of them stands there once. places tells, for each part and
// operation, its index in the result. It panics without a part.
func Join(parts []*History) (h *History, places [][]int) {
	type place struct{ part, op int }
	var all []place
	for n, p := range parts {
		for i := range p.Ops {
			all = append(all, place{n, i})
		}
	}
	at := func(p place) *Op { return &parts[p.part].Ops[p.op] }
	slices.SortStableFunc(all, func(x, y place) int { return compareOps(at(x), at(y)) })
	places = make([][]int, len(parts))
	for n, p := range parts {
		places[n] = make([]int, len(p.Ops))
	}
	joined := *parts[0]
	var b batch
	for n, p := range all {
		op := at(p)
		// A process does one thing at a time, so that stamps and process name it.
		if n == 0 || all[n-1].part == p.part || compareOps(at(all[n-1]), op) != 0 || !same(parts[all[n-1].part], at(all[n-1]), parts[p.part], op) {
			b.add(*op, parts[p.part].Mops(op), parts[p.part].lists)
		}
		places[p.part][p.op] = len(b.ops) - 1
	}
	joined.Ops, joined.mops, joined.lists = b.ops, b.mops, b.lists
	return &joined, places
}

// same tells whether two operations of one process and with the same stamps are one: on a
// coarse clock a process may have several.
func same(h *History, x *Op, g *History, y *Op) bool {
	return x.mopLen == y.mopLen && x.Outcome == y.Outcome && slices.EqualFunc(h.Mops(x), g.Mops(y), func(a, b Mop) bool {
		a.listAt, b.listAt = 0, 0
		return a == b
	})
}
