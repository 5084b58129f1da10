package disk

// Paged is the definition: a page cache over a disk, whose pages are written when they are
// synced.
type Paged struct {
	Now, Disk []byte
	Dirty     map[int64]bool
}

func resize(b []byte, n int64) []byte {
	out := make([]byte, n)
	copy(out, b)
	return out
}

func (p *Paged) touch(off, end int64) {
	for b := off / blockSize; b*blockSize < end; b++ {
		p.Dirty[b] = true
	}
}

func (p *Paged) Write(data []byte, off int64) {
	size, end := int64(len(p.Now)), off+int64(len(data))
	if end > size {
		p.Now = resize(p.Now, end)
		p.touch(size, end) // what comes before it reads as zeros
	}
	copy(p.Now[off:], data)
	p.touch(off, end)
}

func (p *Paged) Truncate(n int64) {
	size := int64(len(p.Now))
	p.Now = resize(p.Now, n)
	p.touch(min(n, size), max(n, size, int64(len(p.Disk))))
}

func (p *Paged) Sync() {
	p.Disk = resize(p.Disk, int64(len(p.Now)))
	for b := range p.Dirty {
		if at := b * blockSize; at < int64(len(p.Now)) {
			copy(p.Disk[at:], p.Now[at:min(at+blockSize, int64(len(p.Now)))])
		}
	}
	clear(p.Dirty)
}

// Differ is where a and b differ first.
func Differ(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}
