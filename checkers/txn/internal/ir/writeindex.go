package ir

import (
	"math"

	"github.com/lapse-test/lapse/history"
)

// writeIndex finds the number of the write of a value. Where the values of each key stand close together, as counters
// give them, their numbers stand in a table in the order of the values; else it is open addressing over (key, value).
type writeIndex struct {
	ranges []valueRange // of each key; nil: slots
	table  []int32      // numbers of writes plus one; 0 is free
	slots  []indexSlot
	mask   uint64
}

type indexSlot struct {
	value history.Value
	key   int32
	id    int32 // number of the write plus one; 0 is free
}

// valueRange are n values from low on, with their places in the table.
type valueRange struct {
	low history.Value
	at  int32
	n   uint32
}

// newWriteIndex is an index for the n writes of h, to keys keys.
func newWriteIndex(h *history.History, n, keys int) *writeIndex {
	if ranges, size := rangesOf(h, n, keys); ranges != nil {
		return &writeIndex{ranges: ranges, table: make([]int32, size)}
	}
	size := 16
	for size < n*2 {
		size *= 2
	}
	return &writeIndex{slots: make([]indexSlot, size), mask: uint64(size - 1)}
}

// rangesOf are the values that are written to each key, and how many places they take; nil if that would be more
// memory than slots take.
func rangesOf(h *history.History, n, keys int) (ranges []valueRange, size int) {
	room := 2*n + 1024 // 8 bytes a write, and 16 a key, where slots take 32 to 64 a write
	if keys > n+1024 || room > math.MaxInt32 {
		return nil, 0
	}
	ranges = make([]valueRange, keys)
	for i := range h.Ops {
		mops := h.Mops(&h.Ops[i])
		for j := range mops {
			m := &mops[j]
			if !m.Func.Writes() {
				continue
			}
			r := &ranges[m.Key]
			low, top := m.Arg, m.Arg
			if r.n > 0 {
				low, top = min(low, r.low), max(top, r.low+history.Value(r.n-1))
			}
			d := uint64(top) - uint64(low) // never below 0
			if d >= uint64(room) {
				return nil, 0
			}
			r.low, r.n = low, uint32(d)+1
		}
	}
	for k := range ranges {
		ranges[k].at = int32(size)
		if size += int(ranges[k].n); size > room {
			return nil, 0
		}
	}
	return ranges, size
}

// place is where the value v of key k stands in the table; nil if it is none that is written to k.
func (x *writeIndex) place(k history.Key, v history.Value) *int32 {
	r := &x.ranges[k]
	d := uint64(v) - uint64(r.low)
	if d >= uint64(r.n) {
		return nil
	}
	return &x.table[r.at+int32(d)]
}

// hashKV keeps eight neighbouring values together, because those of one workload
// are often consecutive, and spreads the groups: long runs would collide as
// wholes.
func hashKV(k history.Key, v history.Value) uint64 {
	h := (uint64(v)>>3 ^ uint64(uint32(k))*0xC2B2AE3D27D4EB4F) * 0x9E3779B97F4A7C15
	h ^= h >> 31
	return h<<3 | uint64(v)&7
}

// add reports false if the value was there.
func (x *writeIndex) add(k history.Key, v history.Value, id int32) bool {
	if x.ranges != nil {
		at := x.place(k, v)
		free := *at == 0
		if free {
			*at = id + 1
		}
		return free
	}
	for i := hashKV(k, v) & x.mask; ; i = (i + 1) & x.mask {
		s := &x.slots[i]
		if s.id == 0 {
			*s = indexSlot{v, int32(k), id + 1}
			return true
		}
		if s.value == v && s.key == int32(k) {
			return false
		}
	}
}

// Find is the number of the write of v to k, -1 if there is none.
func (x *writeIndex) Find(k history.Key, v history.Value) int32 {
	if x.ranges != nil {
		if at := x.place(k, v); at != nil {
			return *at - 1
		}
		return -1
	}
	for i := hashKV(k, v) & x.mask; ; i = (i + 1) & x.mask {
		s := &x.slots[i]
		if s.id == 0 {
			return -1
		}
		if s.value == v && s.key == int32(k) {
			return s.id - 1
		}
	}
}
