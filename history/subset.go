package history

import (
	"slices"
	"unsafe"
)

// Subset is a history of just the operations with the given indexes, with the
// same header, names and faults: a witness, or a candidate of shrinking. Indexes
// may stand in any order; one that is there twice counts once. It panics if an
// index is out of range, as a slice does. The result shares nothing that may be
// changed with h but the name tables, faults and events, which must not be.
func (h *History) Subset(ops []int) *History {
	if !slices.IsSorted(ops) {
		ops = slices.Clone(ops)
		slices.Sort(ops)
	}
	s := *h
	mops, elements := 0, 0
	for i, at := range ops {
		if i > 0 && ops[i-1] == at {
			continue
		}
		mops += int(h.Ops[at].mopLen)
		for _, m := range h.Mops(&h.Ops[at]) {
			elements += int(m.listLen)
		}
	}
	all := batch{make([]Op, 0, len(ops)), make([]Mop, 0, mops), make([]Value, 0, elements)}
	for i, at := range ops {
		if i > 0 && ops[i-1] == at {
			continue
		}
		op := &h.Ops[at]
		all.add(*op, h.Mops(op), h.lists)
	}
	s.Ops, s.mops, s.lists = all.ops, all.mops, all.lists
	return &s
}

// Size returns the bytes that the operations of h hold in memory, their
// micro-operations, lists and names included.
func (h *History) Size() int64 {
	n := int64(cap(h.Ops))*int64(unsafe.Sizeof(Op{})) +
		int64(cap(h.mops))*int64(unsafe.Sizeof(Mop{})) +
		int64(cap(h.lists))*int64(unsafe.Sizeof(Value(0)))
	for _, names := range [][]string{h.Strings, h.Texts, h.KeyNames} {
		n += int64(cap(names)) * int64(unsafe.Sizeof(""))
		for _, s := range names {
			n += int64(len(s))
		}
	}
	return n
}
