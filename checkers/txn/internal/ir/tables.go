package ir

import "github.com/lapse-test/lapse/history"

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
