package sequential

// positions is a set of hashes: open addressing, no pointers, at most three
// quarters full. A hash is spread evenly already.
type positions struct {
	table [][2]uint64
	n     int
	zero  bool // whether the hash that marks a free place is in the set
}

func newPositions() *positions { return &positions{table: make([][2]uint64, 1<<10)} }

// bytes returns the memory of the set, with the larger table that it may be growing into.
func (p *positions) bytes() int64 { return int64(len(p.table)) * 16 * 3 }

// add enters h and tells whether it is new.
func (p *positions) add(h [2]uint64) bool {
	if h == [2]uint64{} {
		fresh := !p.zero
		p.zero = true
		return fresh
	}
	if 4*p.n > 3*len(p.table) {
		old := p.table
		p.table = make([][2]uint64, 2*len(old))
		for _, x := range old {
			if x != [2]uint64{} {
				p.table[p.place(x)] = x
			}
		}
	}
	i := p.place(h)
	if p.table[i] == h {
		return false
	}
	p.table[i] = h
	p.n++
	return true
}

// place returns the index at which h is or would be.
func (p *positions) place(h [2]uint64) int {
	size := len(p.table) - 1
	i := int(h[0]) & size
	for p.table[i] != h && p.table[i] != [2]uint64{} {
		i = (i + 1) & size
	}
	return i
}
