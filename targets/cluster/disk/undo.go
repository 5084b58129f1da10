package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/lapse-test/lapse/targets/cluster"
)

// blockSize is what is kept of a file at a time: a page.
const blockSize = 4096

// sectorSize is what a disk writes whole or not at all.
const sectorSize = 512

// contents are those of a file.
type contents interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
}

// undo is what is needed to bring one file back to what was synced of it. The zero value is
// that of a file that is synced. It is not safe for concurrent use.
//
// What is durable of block b is unsynced[b] or lost[b], or what the file has there if
// neither does, each as far as durable goes.
type undo struct {
	// open: something is not as it is on the disk; durable is valid only then.
	open bool
	// durable is the length of the file on the disk.
	durable int64
	// unsynced is what the disk has of blocks that were written since the last sync; none is
	// beyond durable.
	unsynced map[int64]old
	// lost is what the disk has of blocks that a failed sync has left out.
	lost map[int64]old
	// spill has their contents; it stays when the rest is forgotten.
	spill *spill
}

// blocks are the first block of n bytes at off, and the first one after them.
func blocks(off, n int64) (first, end int64) {
	return off / blockSize, (off + n + blockSize - 1) / blockSize
}

// grown are the blocks of what a file has grown by; the first may be there in part.
func grown(durable, size int64) (first, end int64) { return blocks(durable, max(0, size-durable)) }

// before notes what is about to be changed: n bytes at off of a file that is size long.
func (u *undo) before(f contents, size, off, n int64) error {
	u.begin(size)
	if off > size { // zeros come before it
		off, n = size, n+off-size
	}
	first, end := blocks(off, n)
	for b := range u.lost {
		if b < first || b >= end {
			continue
		}
		// A page is written whole, with what was lost of it.
		if b*blockSize < u.durable {
			u.unsynced[b] = u.lost[b]
		} else {
			u.spill.drop(u.lost[b])
		}
		delete(u.lost, b)
	}
	_, last := blocks(0, u.durable)
	for b := first; b < min(end, last); b++ {
		if _, known := u.unsynced[b]; known {
			continue
		}
		was, err := u.read(f, b, u.durable)
		if err != nil {
			return err
		}
		u.unsynced[b] = u.spill.keep(was)
	}
	return nil
}

// beforeTruncate notes what is about to be cut off, or that zeros are to come.
func (u *undo) beforeTruncate(f contents, size, to int64) error {
	u.begin(size)
	return u.before(f, size, to, max(u.durable, size)-to)
}

func (u *undo) begin(size int64) {
	if u.open {
		return
	}
	*u = undo{open: true, durable: size, unsynced: map[int64]old{}, lost: map[int64]old{}, spill: u.spill}
}

// forget says that the file is as it is on the disk.
func (u *undo) forget() {
	u.forgetUnsynced()
	for _, was := range u.lost {
		u.spill.drop(was)
	}
	*u = undo{spill: u.spill}
}

func (u *undo) forgetUnsynced() {
	for _, was := range u.unsynced {
		u.spill.drop(was)
	}
	clear(u.unsynced)
}

// read is block b as far as end, nil if it is all zeros.
func (u *undo) read(f contents, b, end int64) ([]byte, error) {
	was := make([]byte, min(blockSize, end-b*blockSize))
	if _, err := f.ReadAt(was, b*blockSize); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading what is about to be changed: %w", err)
	}
	if len(bytes.Trim(was, "\x00")) == 0 {
		return nil, nil
	}
	return was, nil
}

// sync makes what was written durable, but for what an earlier one has lost.
func (u *undo) sync(size int64) {
	if !u.open {
		return
	}
	u.durable = size
	u.forgetUnsynced()
	for b, was := range u.lost {
		if rest := size - b*blockSize; rest > 0 {
			u.lost[b] = u.spill.shorten(was, int(min(rest, blockSize)))
			continue
		}
		u.spill.drop(was)
		delete(u.lost, b)
	}
	if len(u.lost) == 0 {
		u.forget()
	}
}

// fail is a sync that writes nothing.
func (u *undo) fail(f contents, size int64) error {
	if !u.open {
		return nil
	}
	// What the file has grown by is lost too: a later sync makes its length durable, and
	// there are zeros.
	first, end := grown(u.durable, size)
	for b := first; b < end; b++ {
		if u.has(b) {
			continue
		}
		var was []byte
		if b*blockSize < u.durable {
			var err error
			if was, err = u.read(f, b, u.durable); err != nil {
				return err
			}
		}
		u.lost[b] = u.spill.keep(was)
	}
	maps.Copy(u.lost, u.unsynced)
	clear(u.unsynced)
	return nil
}

func (u *undo) has(b int64) bool {
	_, unsynced := u.unsynced[b]
	_, lost := u.lost[b]
	return unsynced || lost
}

// fates decides what comes of blocks that were not synced; nil: none survives.
type fates struct{ r *rand.Rand }

// length is that of a file of which the disk has durable and the processes saw size.
func (f *fates) length(durable, size int64) int64 {
	if f == nil || durable == size {
		return durable
	}
	switch f.r.IntN(3) {
	case 0:
		return durable
	case 1:
		return size
	}
	if size < durable { // cutting off is one step
		return durable
	}
	return (durable + f.r.Int64N(size-durable)) / sectorSize * sectorSize
}

// kept is how many bytes of a block survive, from its beginning.
func (f *fates) kept() int {
	if f == nil {
		return 0
	}
	switch f.r.IntN(5) {
	case 0, 1:
		return 0
	case 2, 3:
		return blockSize
	}
	return f.r.IntN(blockSize/sectorSize) * sectorSize
}

// powerFailure brings the file back, which is size long now, and says what that made of it.
func (u *undo) powerFailure(f contents, size int64, chance *fates) (cluster.DiskLoss, error) {
	if !u.open {
		return cluster.DiskLoss{}, nil
	}
	loss := cluster.DiskLoss{Unsynced: 1}
	length := max(chance.length(u.durable, size), min(u.durable, size))
	for _, b := range u.touched(size) {
		at := b * blockSize
		now := make([]byte, blockSize)
		if _, err := f.ReadAt(now, at); err != nil && !errors.Is(err, io.EOF) {
			return loss, fmt.Errorf("reading what is to be taken back: %w", err)
		}
		then, lost, err := u.was(b, now)
		if err != nil {
			return loss, fmt.Errorf("taking back what was not synced: %w", err)
		}
		keep := 0
		if !lost { // what a sync has left out is not written later
			keep = min(chance.kept(), int(min(blockSize, max(0, size-at))))
		}
		switch {
		case keep == 0:
			loss.Dropped++
		case at+int64(keep) >= size, keep == blockSize:
			loss.Kept++
		default:
			loss.Torn++
		}
		copy(then, now[:keep])
		loss.Bytes += changed(then, now, length-at, size-at)
		if n := min(blockSize, length-at); n > 0 {
			if _, err := f.WriteAt(then[:n], at); err != nil {
				return loss, fmt.Errorf("taking back what was not synced: %w", err)
			}
		}
	}
	if err := f.Truncate(length); err != nil {
		return loss, fmt.Errorf("taking back a length: %w", err)
	}
	if loss.Bytes > 0 {
		loss.Files = 1
	}
	u.forget()
	return loss, nil
}

// touched are the blocks that are not as on the disk, in their order.
func (u *undo) touched(size int64) []int64 {
	all := map[int64]bool{}
	for b := range u.unsynced {
		all[b] = true
	}
	for b := range u.lost {
		all[b] = true
	}
	first, end := grown(u.durable, size)
	for b := first; b < end; b++ {
		all[b] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// was is what the disk has of block b, zeros beyond its length there, and whether that is so
// because a sync has failed. Now is what the file has.
func (u *undo) was(b int64, now []byte) (was []byte, lost bool, err error) {
	kept, known := u.unsynced[b]
	if !known {
		kept, lost = u.lost[b]
	}
	old := now
	if known || lost {
		if old, err = u.spill.read(kept); err != nil {
			return nil, lost, err
		}
	}
	was = make([]byte, blockSize)
	copy(was, old)
	clear(was[min(blockSize, max(0, u.durable-b*blockSize)):])
	return was, lost, nil
}

// changed counts the bytes of a block that differ, by its lengths then and now.
func changed(then, now []byte, thenLen, nowLen int64) int64 {
	var n int64
	for i := range int64(blockSize) {
		if (i < thenLen) != (i < nowLen) || i < thenLen && then[i] != now[i] {
			n++
		}
	}
	return n
}
