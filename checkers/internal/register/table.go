package register

import "github.com/lapse-test/lapse/history"

// table numbers the values of one key. Workloads count upwards, so the values of
// a key usually lie close together and index an array; where they do not, an
// open-addressing hash table serves.
type table struct {
	base   history.Value
	direct []int32

	slots []slot
	mask  uint64
	// absent is kept apart: it lies at the far end of the numbers.
	absent int32
}

type slot struct {
	value history.Value
	id    int32
	used  bool
}

// directFactor is the number of array cells that a value may cost before hashing is
// cheaper.
const directFactor = 8

// reset empties t and prepares it for n values, all but Absent in [lo, hi].
func (t *table) reset(n int, lo, hi history.Value) {
	t.absent = Unknown
	t.slots = t.slots[:0]
	t.direct = t.direct[:0]
	if lo > hi {
		lo, hi = 0, 0 // nothing but Absent
	}
	span := uint64(hi) - uint64(lo)
	if span < uint64(directFactor*n+64) {
		t.base = lo
		size := int(span) + 1
		if cap(t.direct) < size {
			t.direct = make([]int32, size)
		} else {
			t.direct = t.direct[:size]
		}
		for i := range t.direct {
			t.direct[i] = Unknown
		}
		return
	}
	size := 16
	for size < 2*n {
		size *= 2
	}
	if cap(t.slots) < size {
		t.slots = make([]slot, size)
	} else {
		t.slots = t.slots[:size]
		clear(t.slots)
	}
	t.mask = uint64(size - 1)
}

func (t *table) get(v history.Value) int32 {
	if v == history.Absent {
		return t.absent
	}
	if len(t.direct) > 0 {
		if i := uint64(v) - uint64(t.base); i < uint64(len(t.direct)) {
			return t.direct[i]
		}
		return Unknown
	}
	for i := hash(v) & t.mask; ; i = (i + 1) & t.mask {
		s := &t.slots[i]
		if !s.used {
			return Unknown
		}
		if s.value == v {
			return s.id
		}
	}
}

// put enters a value that is not there yet.
func (t *table) put(v history.Value, id int32) {
	if v == history.Absent {
		t.absent = id
		return
	}
	if len(t.direct) > 0 {
		t.direct[uint64(v)-uint64(t.base)] = id
		return
	}
	for i := hash(v) & t.mask; ; i = (i + 1) & t.mask {
		if s := &t.slots[i]; !s.used {
			*s = slot{v, id, true}
			return
		}
	}
}

func hash(v history.Value) uint64 {
	h := uint64(v) * 0x9E3779B97F4A7C15
	return h ^ h>>32
}
