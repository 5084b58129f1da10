package history

import (
	"cmp"
	"slices"
)

// MopRef is the place of a micro-operation: operation Op in History.Ops, the
// Index-th of its micro-operations.
type MopRef struct {
	Op    int32
	Index int32
}

// At is the micro-operation at ref.
func (h *History) At(ref MopRef) *Mop {
	return &h.mops[h.Ops[ref.Op].mopAt+uint32(ref.Index)]
}

// KeyIndex tells which micro-operations are about which key. It is flat: one
// slice for all keys, and where each key's part begins. Immutable.
type KeyIndex struct {
	keys  []Key
	start []int32
	refs  []MopRef
}

// Len returns the number of keys that occur.
func (x *KeyIndex) Len() int { return len(x.keys) }

// At is the i-th key that occurs, in the order of their numbers, and its
// micro-operations in the order of invocation. Not to be changed.
func (x *KeyIndex) At(i int) (Key, []MopRef) {
	return x.keys[i], x.refs[x.start[i]:x.start[i+1]:x.start[i+1]]
}

// Of are the micro-operations of k in the order of invocation, none if k does
// not occur. Not to be changed.
func (x *KeyIndex) Of(k Key) []MopRef {
	i, ok := slices.BinarySearch(x.keys, k)
	if !ok {
		return nil
	}
	_, refs := x.At(i)
	return refs
}

// ByKey builds the index of keys in O(n): counted, then filled, without a map.
// It is built anew by every call. The history may have at most 2^31-1
// micro-operations.
func (h *History) ByKey() *KeyIndex {
	// Straight loops, as every checker of a large history begins here.
	limit := 4*len(h.mops) + 1024
	at := make([]int32, 1024)
	n, occur := 0, 0
	for i := range h.Ops {
		op := &h.Ops[i]
		for j := op.mopAt; j < op.mopAt+uint32(op.mopLen); j++ {
			k := int(h.mops[j].Key)
			if k >= len(at) {
				if k >= limit {
					return h.byKeySparse()
				}
				at = append(at, make([]int32, k+1-len(at))...)
			}
			if at[k] == 0 {
				occur++
			}
			at[k]++
		}
		n += int(op.mopLen)
	}
	x := &KeyIndex{keys: make([]Key, 0, occur), start: make([]int32, 0, occur+1), refs: make([]MopRef, n)}
	sum := int32(0)
	for k, c := range at {
		if c == 0 {
			continue
		}
		x.keys = append(x.keys, Key(k))
		x.start = append(x.start, sum)
		at[k] = sum
		sum += c
	}
	x.start = append(x.start, sum)
	for i := range h.Ops {
		op := &h.Ops[i]
		for j := range uint32(op.mopLen) {
			p := &at[h.mops[op.mopAt+j].Key]
			x.refs[*p] = MopRef{int32(i), int32(j)}
			*p++
		}
	}
	return x
}

// byKeySparse is ByKey for keys that are far apart.
func (h *History) byKeySparse() *KeyIndex {
	n := 0
	for i := range h.Ops {
		n += int(h.Ops[i].mopLen)
	}
	ids, start, refs := groupSparse(make([]MopRef, n), func(yield func(int32, MopRef)) {
		for i := range h.Ops {
			mops := h.Mops(&h.Ops[i])
			for j := range mops {
				yield(int32(mops[j].Key), MopRef{int32(i), int32(j)})
			}
		}
	})
	x := &KeyIndex{keys: make([]Key, len(ids)), start: start, refs: refs}
	for i, k := range ids {
		x.keys[i] = Key(k)
	}
	return x
}

// OpIndex tells which operations belong to which number: that of a session or
// of a process. Flat like KeyIndex. Immutable.
type OpIndex struct {
	ids   []int32
	start []int32
	ops   []int32
}

// Len returns the number of identifiers that occur.
func (x *OpIndex) Len() int { return len(x.ids) }

// At is the i-th number that occurs, ascending, and the indexes of its
// operations in the order of invocation. Not to be changed.
func (x *OpIndex) At(i int) (id int32, ops []int32) {
	return x.ids[i], x.ops[x.start[i]:x.start[i+1]:x.start[i+1]]
}

// Of are the indexes of the operations of id in the order of invocation, none if
// it does not occur. Not to be changed.
func (x *OpIndex) Of(id int32) []int32 {
	i, ok := slices.BinarySearch(x.ids, id)
	if !ok {
		return nil
	}
	_, ops := x.At(i)
	return ops
}

// BySession builds the index of sessions, anew at every call.
func (h *History) BySession() *OpIndex {
	return h.byNumber(func(op *Op) int32 { return op.Session })
}

// ByProcess builds the index of processes, anew at every call.
func (h *History) ByProcess() *OpIndex {
	return h.byNumber(func(op *Op) int32 { return op.Process })
}

func (h *History) byNumber(of func(*Op) int32) *OpIndex {
	if len(h.Ops) == 0 {
		return &OpIndex{start: []int32{0}}
	}
	low, top := of(&h.Ops[0]), of(&h.Ops[0])
	for i := range h.Ops {
		id := of(&h.Ops[i])
		low, top = min(low, id), max(top, id)
	}
	ids, start, ops := group(len(h.Ops), int64(low), int64(top), func(yield func(int32, int32)) {
		for i := range h.Ops {
			yield(of(&h.Ops[i]), int32(i))
		}
	})
	return &OpIndex{ids, start, ops}
}

// group sorts n things stably by their numbers, which are between low and top:
// it returns the numbers that occur, ascending, where the things of each begin,
// and the things. It counts when the numbers are dense, as those of a run are,
// and sorts when they are not.
func group[T any](n int, low, top int64, each func(yield func(id int32, thing T))) (ids, start []int32, things []T) {
	things = make([]T, n)
	if top-low > 4*int64(n)+1024 {
		return groupSparse(things, each)
	}
	at := make([]int32, top-low+1)
	each(func(id int32, _ T) { at[int64(id)-low]++ })
	occur := 0
	for _, c := range at {
		if c > 0 {
			occur++
		}
	}
	ids = make([]int32, 0, occur)
	start = make([]int32, 0, occur+1)
	sum := int32(0)
	for i, c := range at {
		if c == 0 {
			continue
		}
		ids = append(ids, int32(low+int64(i)))
		start = append(start, sum)
		at[i] = sum
		sum += c
	}
	start = append(start, sum)
	each(func(id int32, thing T) {
		p := &at[int64(id)-low]
		things[*p] = thing
		*p++
	})
	return ids, start, things
}

func groupSparse[T any](things []T, each func(yield func(id int32, thing T))) (ids, start []int32, _ []T) {
	type pair struct {
		id    int32
		thing T
	}
	pairs := make([]pair, 0, len(things))
	each(func(id int32, thing T) { pairs = append(pairs, pair{id, thing}) })
	slices.SortStableFunc(pairs, func(x, y pair) int { return cmp.Compare(x.id, y.id) })
	for i, p := range pairs {
		if i == 0 || p.id != pairs[i-1].id {
			ids = append(ids, p.id)
			start = append(start, int32(i))
		}
		things[i] = p.thing
	}
	return ids, append(start, int32(len(pairs))), things
}
