package disk

import (
	"fmt"
	"io"
	"sync"
)

// mostInMemory is how much the undo logs of one file system keep in memory. The rest is in a file.
const mostInMemory = 64 << 20

// overflow is a file that blocks are kept in for which there is no room in memory.
type overflow interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
}

// old is a block of a file as it was; the zero value is one of zeros.
type old struct {
	// bytes are the block if it is in memory.
	bytes []byte
	// slot is where in the overflow it is, counted from 1; 0 if it is not there. It has n bytes then.
	slot int64
	n    int
}

// spill has the blocks of all undo logs of a file system: in memory as far as there is room,
// and else in a file. Without one (nil) all are in memory. It is safe for concurrent use.
type spill struct {
	// most is how many bytes may be in memory.
	most int64
	// open makes the file, which has no name; when it cannot, or the file takes no more, blocks stay in memory.
	open func() (overflow, error)
	// failed is told why, once.
	failed func(error)

	mu       sync.Mutex
	inMemory int64
	file     overflow
	broken   bool
	slots    int64   // how many the file has
	free     []int64 // those of them that are not used
}

// keep takes data over, which is nil for zeros.
func (s *spill) keep(data []byte) old {
	if s == nil || data == nil {
		return old{bytes: data}
	}
	slot := s.take(int64(len(data)))
	if slot == 0 {
		return old{bytes: data}
	}
	if _, err := s.file.WriteAt(data, (slot-1)*blockSize); err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.giveBack(slot)
		s.breaks(err)
		s.inMemory += int64(len(data))
		return old{bytes: data}
	}
	return old{slot: slot, n: len(data)}
}

// take is a slot for n bytes, or 0 if they are to stay in memory, where they are counted.
func (s *spill) take(n int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inMemory+n > s.most && s.file == nil && !s.broken {
		var err error
		if s.file, err = s.open(); err != nil {
			s.breaks(err)
		}
	}
	if s.inMemory+n <= s.most || s.broken {
		s.inMemory += n
		return 0
	}
	if len(s.free) == 0 {
		s.slots++
		return s.slots
	}
	slot := s.free[len(s.free)-1]
	s.free = s.free[:len(s.free)-1]
	return slot
}

// breaks notes that the file takes no more; the lock is held.
func (s *spill) breaks(err error) {
	if !s.broken {
		s.broken = true
		s.failed(err)
	}
}

// giveBack says that a slot is not used; the lock is held. A file without any is emptied.
func (s *spill) giveBack(slot int64) {
	if s.free = append(s.free, slot); int64(len(s.free)) < s.slots {
		return
	}
	s.slots, s.free = 0, nil
	if err := s.file.Truncate(0); err != nil {
		s.breaks(err)
	}
}

// read is what was kept, nil for zeros. It must not be changed.
func (s *spill) read(o old) ([]byte, error) {
	if o.slot == 0 {
		return o.bytes, nil
	}
	b := make([]byte, o.n)
	if _, err := s.file.ReadAt(b, (o.slot-1)*blockSize); err != nil {
		return nil, fmt.Errorf("reading what was kept of a block: %w", err)
	}
	return b, nil
}

// drop forgets a block.
func (s *spill) drop(o old) {
	if s == nil || o.slot == 0 && o.bytes == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if o.slot != 0 {
		s.giveBack(o.slot)
		return
	}
	s.inMemory -= int64(len(o.bytes))
}

// shorten drops what a block has beyond its first n bytes.
func (s *spill) shorten(o old, n int) old {
	switch {
	case o.slot != 0:
		o.n = min(o.n, n)
	case n < len(o.bytes):
		s.drop(old{bytes: o.bytes[n:]})
		o.bytes = o.bytes[:n]
	}
	return o
}
