package txn

// hub gives an edge to every member of a group with two edges a member: a chain
// of auxiliary nodes from the front and one from the back, so that a member
// itself can point to all the others.
type hub struct {
	members []int32
	// suffix+i leads to members i, i+1, ...; prefix+i to members 0 ... i.
	suffix, prefix int32
}

// size is how many auxiliary nodes it takes.
func (h *hub) size() int { return 2 * len(h.members) }

// emitSelf gives the edges inside the hub.
func (h *hub) emitSelf(edge func(from, to int32, k kind)) {
	for i, m := range h.members {
		edge(h.suffix+int32(i), m, kindEps)
		edge(h.prefix+int32(i), m, kindEps)
		if i+1 < len(h.members) {
			edge(h.suffix+int32(i), h.suffix+int32(i)+1, kindEps)
			edge(h.prefix+int32(i)+1, h.prefix+int32(i), kindEps)
		}
	}
}

// emitFrom gives edges from v to all members but itself; at is v's place among
// them, -1 if it is none.
func (h *hub) emitFrom(v int32, at int, k kind, edge func(from, to int32, k kind)) {
	switch {
	case len(h.members) == 0:
	case at < 0:
		if len(h.members) == 1 {
			edge(v, h.members[0], k)
			return
		}
		edge(v, h.suffix, k)
	default:
		if at+1 < len(h.members) {
			edge(v, h.suffix+int32(at)+1, k)
		}
		if at > 0 {
			edge(v, h.prefix+int32(at)-1, k)
		}
	}
}

// place is where v stands among the members, which ascend; -1 if it does not.
func (h *hub) place(v int32) int {
	lo, hi := 0, len(h.members)
	for lo < hi {
		mid := (lo + hi) / 2
		if h.members[mid] < v {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(h.members) && h.members[lo] == v {
		return lo
	}
	return -1
}
