package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/lapse-test/lapse/targets/cluster"
)

// memory is a file in memory.
type memory struct{ b []byte }

func (m *memory) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(m.b)) {
		return 0, io.EOF
	}
	n := copy(p, m.b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (m *memory) WriteAt(p []byte, off int64) (int, error) {
	if end := off + int64(len(p)); end > int64(len(m.b)) {
		_ = m.Truncate(end)
	}
	return copy(m.b[off:], p), nil
}

func (m *memory) Truncate(size int64) error {
	for int64(len(m.b)) < size {
		m.b = append(m.b, 0)
	}
	m.b = m.b[:size]
	return nil
}

// subject is the file and its undo log, as a file system uses them.
type subject struct {
	memory
	undo undo
}

func (s *subject) write(t *testing.T, data []byte, off int64) {
	t.Helper()
	if err := s.undo.before(s, int64(len(s.b)), off, int64(len(data))); err != nil {
		t.Fatal(err)
	}
	_, _ = s.WriteAt(data, off)
}

func (s *subject) truncate(t *testing.T, n int64) {
	t.Helper()
	if err := s.undo.beforeTruncate(s, int64(len(s.b)), n); err != nil {
		t.Fatal(err)
	}
	_ = s.Truncate(n)
}

// TestUndoIsAPageCache: whatever is written, cut off, synced, and lost by syncs that fail, a
// power failure leaves what a page cache over a disk leaves.
func TestUndoIsAPageCache(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		kept := spilling(seed)
		s, p := &subject{undo: undo{spill: kept}}, &Paged{Dirty: map[int64]bool{}}
		const most = 5 * blockSize
		for step := range 100 {
			var what string
			switch k := r.IntN(12); {
			case k < 6:
				data := bytes.Repeat([]byte{byte(step + 1)}, 1+r.IntN(6000))
				off := r.Int64N(most)
				what = fmt.Sprintf("write %d at %d", len(data), off)
				s.write(t, data, off)
				p.Write(data, off)
			case k < 8:
				n := r.Int64N(most)
				if r.IntN(3) == 0 {
					n = 0
				}
				what = fmt.Sprintf("truncate to %d", n)
				s.truncate(t, n)
				p.Truncate(n)
			case k < 10:
				what = "sync"
				s.undo.sync(int64(len(s.b)))
				p.Sync()
			case k == 10:
				what = "sync fails"
				if err := s.undo.fail(s, int64(len(s.b))); err != nil {
					t.Fatal(err)
				}
				clear(p.Dirty)
			default:
				what = "power failure"
				before := bytes.Clone(s.b)
				loss, err := s.undo.powerFailure(s, int64(len(s.b)), nil)
				if err != nil {
					t.Fatal(err)
				}
				p.Now = bytes.Clone(p.Disk)
				clear(p.Dirty)
				if same := bytes.Equal(before, s.b); same != (loss.Files == 0) || same != (loss.Bytes == 0) || loss.Kept+loss.Torn > 0 {
					t.Fatalf("seed %d, step %d: %+v, and the same: %t", seed, step, loss, same)
				}
			}
			if !bytes.Equal(s.b, p.Now) {
				t.Fatalf("seed %d, step %d: after %s the file has %d bytes, want %d; first difference at %d", seed, step, what, len(s.b), len(p.Now), Differ(s.b, p.Now))
			}
		}
		s.undo.forget()
		if kept != nil && (kept.inMemory != 0 || kept.slots != 0 || len(kept.free) != 0) {
			t.Fatalf("seed %d: with nothing to keep, %d bytes are in memory, and of %d blocks of the file %d are free", seed, kept.inMemory, kept.slots, len(kept.free))
		}
	}
}

// spilling is where an undo log keeps its blocks: in memory, in a file, in both, or in both until the
// file breaks.
func spilling(seed uint64) *spill {
	in := &spill{open: func() (overflow, error) { return &memory{}, nil }, failed: func(error) {}}
	switch seed % 4 {
	case 0:
		return nil
	case 1:
	case 2:
		in.most = 2*blockSize + 1
	case 3:
		in.most = blockSize
		in.open = func() (overflow, error) { return &full{room: 3 * blockSize}, nil }
	}
	return in
}

// full is a file that has only so much room.
type full struct {
	memory
	room int64
}

func (f *full) WriteAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.room {
		return 0, errors.New("there is no room")
	}
	return f.memory.WriteAt(p, off)
}

// TestSpillIsBounded: whatever is not synced, in memory is only so much of it, unless no file can be had.
func TestSpillIsBounded(t *testing.T) {
	const blocks, most = 4096, 1 << 20
	for _, c := range []struct {
		name       string
		open       func() (overflow, error)
		inMemory   int64
		inFile     int64
		complaints int
	}{
		{"a file", func() (overflow, error) { return &memory{}, nil }, most, blocks*blockSize - most, 0},
		{"no file", func() (overflow, error) { return nil, errors.New("there is none") }, blocks * blockSize, 0, 1},
		{"a file that is full", func() (overflow, error) { return &full{room: 7 * blockSize}, nil }, (blocks - 7) * blockSize, 8 * blockSize, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			complaints := 0
			kept := &spill{most: most, open: c.open, failed: func(error) { complaints++ }}
			s := &subject{undo: undo{spill: kept}}
			s.write(t, bytes.Repeat([]byte{1}, blocks*blockSize), 0)
			s.undo.sync(int64(len(s.b)))
			for b := range int64(blocks) {
				s.write(t, []byte{2}, b*blockSize)
			}
			if kept.inMemory != c.inMemory || kept.slots*blockSize != c.inFile || complaints != c.complaints {
				t.Errorf("%d bytes are in memory and %d in the file, want %d and %d; %d complaints, want %d",
					kept.inMemory, kept.slots*blockSize, c.inMemory, c.inFile, complaints, c.complaints)
			}
			if _, err := s.undo.powerFailure(s, int64(len(s.b)), nil); err != nil || !bytes.Equal(s.b, bytes.Repeat([]byte{1}, blocks*blockSize)) {
				t.Errorf("it was not brought back: %v", err)
			}
		})
	}
}

// TestTornIsOldOrNew: after a torn power failure each sector is what it was before or after,
// what was synced is there, and the draws are those of the seed.
func TestTornIsOldOrNew(t *testing.T) {
	var sum cluster.DiskLoss
	for seed := range uint64(300) {
		var got [2][]byte
		for again := range got {
			r := rand.New(rand.NewPCG(seed, 2))
			s := &subject{}
			s.write(t, bytes.Repeat([]byte{1}, r.IntN(4*blockSize)), 0)
			s.undo.sync(int64(len(s.b)))
			old := bytes.Clone(s.b)
			for range 1 + r.IntN(3) {
				if r.IntN(6) == 0 {
					s.truncate(t, r.Int64N(4*blockSize))
				} else {
					s.write(t, bytes.Repeat([]byte{2}, 1+r.IntN(2*blockSize)), r.Int64N(4*blockSize))
				}
			}
			now := bytes.Clone(s.b)
			loss, err := s.undo.powerFailure(s, int64(len(s.b)), &fates{r})
			if err != nil {
				t.Fatal(err)
			}
			sum = sum.Plus(loss)
			if n := len(s.b); n < min(len(old), len(now)) || n > max(len(old), len(now)) {
				t.Fatalf("seed %d: it has %d bytes, %d before and %d after", seed, n, len(old), len(now))
			}
			for i := 0; i < len(s.b); i += sectorSize {
				end := min(i+sectorSize, len(s.b))
				if !is(s.b[i:end], old, i) && !is(s.b[i:end], now, i) && len(now) >= len(old) {
					t.Fatalf("seed %d: sector at %d is neither what it was nor what it became", seed, i)
				}
			}
			if again == 0 && bytes.Equal(s.b, now) != (loss.Files == 0) {
				t.Fatalf("seed %d: %+v", seed, loss)
			}
			got[again] = bytes.Clone(s.b)
		}
		if !bytes.Equal(got[0], got[1]) {
			t.Fatalf("seed %d: two power failures of one seed differ", seed)
		}
	}
	if sum.Dropped == 0 || sum.Kept == 0 || sum.Torn == 0 {
		t.Errorf("nothing was tested: %+v", sum)
	}
}

// is tells whether part is what whole has at off, and zeros beyond its end.
func is(part, whole []byte, off int) bool {
	return bytes.Equal(part, resize(whole[min(off, len(whole)):min(off+len(part), len(whole))], int64(len(part))))
}

// TestUndo: sequences that differ in one step.
func TestUndo(t *testing.T) {
	type step func(*testing.T, *subject)
	write := func(text string, off int64) step {
		return func(t *testing.T, s *subject) { t.Helper(); s.write(t, []byte(text), off) }
	}
	cut := func(n int64) step { return func(t *testing.T, s *subject) { t.Helper(); s.truncate(t, n) } }
	sync := func(_ *testing.T, s *subject) { s.undo.sync(int64(len(s.b))) }
	fail := func(t *testing.T, s *subject) {
		t.Helper()
		if err := s.undo.fail(s, int64(len(s.b))); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name  string
		steps []step
		want  string
		lost  int64
	}{
		{"written", []step{write("abc", 0)}, "", 3},
		{"written and synced", []step{write("abc", 0), sync}, "abc", 0},
		{"synced and appended", []step{write("abc", 0), sync, write("d", 3)}, "abc", 1},
		{"synced and overwritten", []step{write("abc", 0), sync, write("X", 1)}, "abc", 1},
		{"overwritten by the same", []step{write("abc", 0), sync, write("b", 1)}, "abc", 0},
		{"cut off", []step{write("abc", 0), sync, cut(1)}, "abc", 2},
		{"cut off and synced", []step{write("abc", 0), sync, cut(1), sync}, "a", 0},
		{"cut off and written anew", []step{write("abc", 0), sync, cut(0), write("xyzw", 0)}, "abc", 4},
		{"grown by cutting", []step{write("abc", 0), sync, cut(5)}, "abc", 2},
		{"a failed sync", []step{write("abc", 0), sync, write("X", 0), fail}, "abc", 1},
		{"a failed sync and a further one", []step{write("abc", 0), sync, write("X", 0), fail, sync}, "abc", 1},
		{"written again after a failed sync", []step{write("abc", 0), sync, write("X", 0), fail, write("Y", 1), sync}, "XYc", 0},
		{"appended, failed, synced: zeros", []step{write("abc", 0), sync, write("d", 3), fail, sync}, "abc\x00", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &subject{}
			for _, f := range c.steps {
				f(t, s)
			}
			loss, err := s.undo.powerFailure(s, int64(len(s.b)), nil)
			if err != nil || string(s.b) != c.want || loss.Bytes != c.lost {
				t.Errorf("it has %q and lost %d bytes, want %q and %d (%v)", s.b, loss.Bytes, c.want, c.lost, err)
			}
		})
	}
}
