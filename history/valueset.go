package history

// valueSet is an open-addressing hash set of (key, value) pairs: the check for
// reused values stands on the road of every operation, and a Go map of structs
// costs four times as much there.
type valueSet struct {
	slots []valueSlot
	n     int
}

type valueSlot struct {
	value Value
	key   Key
	used  bool
}

func newValueSet(expect int) *valueSet {
	size := 64
	for size < expect*2 {
		size *= 2
	}
	return &valueSet{slots: make([]valueSlot, size)}
}

// add reports whether the pair was new.
func (s *valueSet) add(k Key, v Value) bool {
	if s.n*4 >= len(s.slots)*3 {
		s.grow()
	}
	if !s.put(k, v) {
		return false
	}
	s.n++
	return true
}

func (s *valueSet) put(k Key, v Value) bool {
	mask := uint64(len(s.slots) - 1)
	h := (uint64(v)*0x9E3779B97F4A7C15 ^ uint64(uint32(k))*0xC2B2AE3D27D4EB4F)
	h ^= h >> 29
	for i := h & mask; ; i = (i + 1) & mask {
		slot := &s.slots[i]
		if !slot.used {
			*slot = valueSlot{v, k, true}
			return true
		}
		if slot.value == v && slot.key == k {
			return false
		}
	}
}

func (s *valueSet) grow() {
	old := s.slots
	s.slots = make([]valueSlot, 2*len(old))
	for _, slot := range old {
		if slot.used {
			s.put(slot.key, slot.value)
		}
	}
}
