package graph

// Hub gives an edge to every member of a group with two edges a member: a chain
// of auxiliary nodes from the front and one from the back, so that a member
// itself can point to all the others.
type Hub struct {
	Members []int32
	// suffix+i leads to members i, i+1, ...; prefix+i to members 0 ... i.
	Suffix, Prefix int32
}

// Size returns the number of auxiliary nodes that it takes.
func (h *Hub) Size() int { return 2 * len(h.Members) }

// EmitSelf gives the edges inside the hub.
func (h *Hub) EmitSelf(edge func(from, to int32, k Kind)) {
	for i, m := range h.Members {
		edge(h.Suffix+int32(i), m, KindEps)
		edge(h.Prefix+int32(i), m, KindEps)
		if i+1 < len(h.Members) {
			edge(h.Suffix+int32(i), h.Suffix+int32(i)+1, KindEps)
			edge(h.Prefix+int32(i)+1, h.Prefix+int32(i), KindEps)
		}
	}
}

// EmitFrom gives edges from v to all members but itself; at is v's place among
// them, -1 if it is none.
func (h *Hub) EmitFrom(v int32, at int, k Kind, edge func(from, to int32, k Kind)) {
	switch {
	case len(h.Members) == 0:
	case at < 0:
		if len(h.Members) == 1 {
			edge(v, h.Members[0], k)
			return
		}
		edge(v, h.Suffix, k)
	default:
		if at+1 < len(h.Members) {
			edge(v, h.Suffix+int32(at)+1, k)
		}
		if at > 0 {
			edge(v, h.Prefix+int32(at)-1, k)
		}
	}
}

// Place returns the index of v among the members, which ascend; -1 if it is none.
func (h *Hub) Place(v int32) int {
	lo, hi := 0, len(h.Members)
	for lo < hi {
		mid := (lo + hi) / 2
		if h.Members[mid] < v {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(h.Members) && h.Members[lo] == v {
		return lo
	}
	return -1
}
