package ir

import "github.com/lapse-test/lapse/history"

// writeIndex finds the write of a value: open addressing over (key, value),
// with the number of the write.
type writeIndex struct {
	slots []indexSlot
	mask  uint64
}

type indexSlot struct {
	value history.Value
	key   int32
	id    int32 // number of the write plus one; 0 is free
}

func newWriteIndex(n int) *writeIndex {
	size := 16
	for size < n*2 {
		size *= 2
	}
	return &writeIndex{make([]indexSlot, size), uint64(size - 1)}
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

// Keyed is a map from keys that is emptied in O(1).
type Keyed[T any] struct {
	val   []T
	stamp []int32
	now   int32
}

// NewKeyed is an empty map for keys keys.
func NewKeyed[T any](keys int) *Keyed[T] {
	return &Keyed[T]{make([]T, keys), make([]int32, keys), 1}
}

// Reset empties the map.
func (m *Keyed[T]) Reset() { m.now++ }

// Get is the value of k, if there is one.
func (m *Keyed[T]) Get(k history.Key) (T, bool) {
	if m.stamp[k] != m.now {
		var zero T
		return zero, false
	}
	return m.val[k], true
}

// Set makes v the value of k.
func (m *Keyed[T]) Set(k history.Key, v T) {
	m.stamp[k] = m.now
	m.val[k] = v
}
