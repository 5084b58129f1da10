package linearizable

import "math/bits"

// memo is the exact set of configurations that a search has visited: open
// addressing over entries in chunks, so that growing never copies them.
type memo struct {
	width  int // words of an entry
	chunks [][]uint64
	n      int
	table  []uint32 // number of the entry + 1, 0 if free
	limit  int64
	bytes  int64
}

const chunkEntries = 1 << 10

func (m *memo) reset(words int, limit int64) {
	if m.width != words+1 || len(m.chunks) > 256 {
		m.chunks = nil
	}
	m.width = words + 1
	m.n = 0
	m.limit = limit
	if len(m.table) == 0 || len(m.table) > 1<<16 {
		m.table = make([]uint32, 1<<10)
	} else {
		clear(m.table)
	}
	m.bytes = int64(4*len(m.table)) + int64(len(m.chunks))*int64(8*m.width*chunkEntries)
}

func (m *memo) entry(i int) []uint64 {
	at := i % chunkEntries * m.width
	return m.chunks[i/chunkEntries][at : at+m.width : at+m.width]
}

func hashEntry(head uint64, mask []uint64) uint64 {
	h := head * 0x9E3779B97F4A7C15
	for _, w := range mask {
		hi, lo := bits.Mul64(h^w, 0xD6E8FEB86659FD93)
		h = hi ^ lo ^ w>>17
	}
	h ^= h >> 29
	return h * 0xBF58476D1CE4E5B9
}

// add enters a configuration. fresh is false if it was there; full is true if it
// was not and there is no memory left.
func (m *memo) add(p, state int32, mask []uint64) (fresh, full bool) {
	head := uint64(uint32(p))<<32 | uint64(uint32(state))
	size := uint64(len(m.table) - 1)
	i := hashEntry(head, mask) >> 8 & size
probe:
	for ; m.table[i] != 0; i = (i + 1) & size {
		e := m.entry(int(m.table[i] - 1))
		if e[0] != head {
			continue
		}
		for w, x := range mask {
			if e[w+1] != x {
				continue probe
			}
		}
		return false, false
	}
	if m.n/chunkEntries >= len(m.chunks) {
		need := int64(8 * m.width * chunkEntries)
		if m.bytes+need > m.limit {
			return false, true
		}
		m.chunks = append(m.chunks, make([]uint64, m.width*chunkEntries))
		m.bytes += need
	}
	e := m.entry(m.n)
	e[0] = head
	copy(e[1:], mask)
	m.n++
	m.table[i] = uint32(m.n)
	if 2*m.n > len(m.table) {
		// Old and new table live side by side while it grows.
		if m.bytes+int64(8*len(m.table)) > m.limit || uint64(m.n) > 1<<31 {
			return false, true
		}
		m.grow()
	}
	return true, false
}

func (m *memo) grow() {
	m.bytes += int64(4 * len(m.table))
	m.table = make([]uint32, 2*len(m.table))
	size := uint64(len(m.table) - 1)
	for n := range m.n {
		e := m.entry(n)
		i := hashEntry(e[0], e[1:]) >> 8 & size
		for m.table[i] != 0 {
			i = (i + 1) & size
		}
		m.table[i] = uint32(n + 1)
	}
}
