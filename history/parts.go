package history

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
)

// The errors that say why a history cannot be divided; read as a whole, it can be checked,
// or its error names the place.
var (
	// ErrIndivisible: an operation is about several keys.
	ErrIndivisible = errors.New("an operation is about several keys")
	// ErrDisorder: a process' operations do not stand in the order in which it made
	// them, or overlap, which cannot be told apart without all of them.
	ErrDisorder = errors.New("the operations of a process do not stand in their order")
)

// Parts is a history that was divided by key and laid on disk, so that each part can be
// read as a history of its own and only one of them has to be in memory. A part has all
// operations of its keys, and the header, names, faults and events of the whole.
//
// Read may be called by several goroutines at once.
type Parts struct {
	// Frame is the history without its operations: header, names, faults, events, and
	// whether it is torn.
	Frame History
	// Ops counts the operations of all parts.
	Ops int64
	// LastChange is the time at which the last operation that can have changed something was answered,
	// or invoked if it never was; -1 if there is none.
	LastChange Time

	file  *os.File
	parts []part
	have  counts
	end   Time
}

// part locates one part's operations in the file.
type part struct {
	chunks []chunk
	// buffer holds the operations that are not written yet, of which the first marked
	// ones stand before the last mark; the first sure of chunks do too.
	buffer       batch
	marked, sure int
}

// chunk is a piece of the file: a batch of operations.
type chunk struct {
	at    int64
	len   int32
	first Time // when its first operation was invoked
}

// The number of parts, and how many operations of each wait until they are written
// together: a part of a history of a hundred million operations takes about twenty-five
// megabytes in memory, and all that waits together about as much as one.
const (
	partCount  = 512
	chunkOps   = 256
	denseLimit = 1 << 20
)

// DivideFile is Divide for the file at path.
func DivideFile(path, dir string) (*Parts, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	defer func() { _ = f.Close() }()
	return divide(f, path, dir, nil, byKey)
}

// LayFile is DivideFile for a file whose operations are walked over (Parts.InTime) whatever they are about: where it cannot be
// divided by key, all of it is in one part.
func LayFile(path, dir string) (*Parts, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	defer func() { _ = f.Close() }()
	return divide(f, path, dir, nil, byKeyOrWhole)
}

// Divide reads a history in any of the package's formats from r and lays it, divided by
// key, into a file in dir (the system's directory for temporary files if that is empty).
// The file has no name, so that nothing stays behind however the process ends. What the
// readers check of each operation is checked; what takes all operations of a key, when its
// part is read. Close lets go of the file.
//
// The error is ErrIndivisible or ErrDisorder (wrapped) where the history cannot be divided.
func Divide(r io.Reader, dir string) (*Parts, error) { return divide(r, "", dir, nil, byKey) }

// Follow is Divide for a history that is still written: r waits where nothing more has come
// yet, and its end is that of the history even in the middle of it, which is torn then. saw
// gets the operations as they come, as a history of them alone with the events and faults so
// far, which is valid until it returns; it is called by this goroutine, and gets nothing
// that a torn history has not.
func Follow(r io.Reader, dir string, saw func(*History)) (*Parts, error) {
	return divide(r, "", dir, saw, byKey)
}

// FollowWhole is Follow for a history that is not divided: all its operations, which may be
// about several keys, are in one part, which takes the memory of the whole when it is read.
func FollowWhole(r io.Reader, dir string, saw func(*History)) (*Parts, error) {
	return divide(r, "", dir, saw, whole)
}

// FollowAny is Follow as long as the history can be divided, and FollowWhole of all of it from the operation on that shows that it
// cannot: then there is one part.
func FollowAny(r io.Reader, dir string, saw func(*History)) (*Parts, error) {
	return divide(r, "", dir, saw, byKeyOrWhole)
}

// layout is how operations are laid into parts.
type layout byte

const (
	byKey layout = iota
	whole
	byKeyOrWhole
)

func divide(r io.Reader, name, dir string, saw func(*History), how layout) (*Parts, error) {
	count := partCount
	if how == whole {
		count = 1
	}
	file, err := unnamed(dir)
	if err != nil {
		return nil, laid(dir, err)
	}
	d := &divider{
		p: &Parts{LastChange: -1, file: file, parts: make([]part, count)}, out: bufio.NewWriterSize(file, 1<<20),
		ended: map[int32]Time{}, kept: kept{last: -1}, now: kept{last: -1}, saw: saw, how: how, dir: dir,
	}
	if err := d.divide(r, name); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return d.p, nil
}

// divider lays operations into parts. It implements receiver.
type divider struct {
	p   *Parts
	out *bufio.Writer
	at  int64
	enc opsEncoder
	// order sorts what is written together; payload is reused.
	order   opSorter
	payload []byte
	// When the last operation of each process ended.
	dense []Time
	ended map[int32]Time
	// now covers all that was taken, kept the part of it that stands before the mark.
	now, kept kept
	// saw gets what is taken, if it is not nil, once it stands before a mark: unmarked.
	saw      func(*History)
	unmarked batch
	how      layout
	dir      string
}

type kept struct {
	ops       int64
	last, end Time
}

func (d *divider) divide(r io.Reader, name string) error {
	frame, err := readInto(r, name, d, d.saw != nil)
	if err != nil {
		return err
	}
	d.show(frame)
	p := d.p
	for i := range p.parts {
		if err := d.flush(&p.parts[i]); err != nil {
			return err
		}
		p.parts[i].buffer = batch{}
	}
	if err := d.out.Flush(); err != nil {
		return laid(d.dir, err)
	}
	p.Frame, p.Ops, p.LastChange, p.end = *frame, d.now.ops, d.now.last, d.now.end
	p.have = counts{
		strings: len(frame.Strings), texts: len(frame.Texts), keys: len(frame.KeyNames),
		nodes: len(frame.Header.Nodes), levels: len(frame.Header.Levels),
	}
	return nil
}

// take implements receiver.
func (d *divider) take(b *batch) error {
	for i := range b.ops {
		op := &b.ops[i]
		mops := b.mopsOf(op)
		if d.saw != nil {
			d.unmarked.add(*op, mops, b.lists)
		}
		key := mops[0].Key
		if err := d.divisible(op, mops); err != nil && len(d.p.parts) > 1 {
			if d.how != byKeyOrWhole {
				return err
			}
			if err := d.unite(); err != nil {
				return err
			}
		} // of one part it is told when all is read
		d.note(op, mops)
		// Fibonacci hashing: keys that count up spread evenly. One part is number 0.
		p := &d.p.parts[uint64(uint32(key)*2654435769)>>(32-bits.TrailingZeros(uint(len(d.p.parts))))]
		p.buffer.add(*op, mops, b.lists)
		if len(p.buffer.ops) >= chunkOps || len(p.buffer.lists) >= 64*chunkOps {
			if err := d.flush(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// divisible says why a history with op cannot be divided.
func (d *divider) divisible(op *Op, mops []Mop) error {
	for i := range mops {
		if mops[i].Key != mops[0].Key {
			return ErrIndivisible
		}
	}
	return d.follow(op)
}

// unite makes one part of all.
func (d *divider) unite() error {
	var sure, rest []chunk
	for i := range d.p.parts {
		p := &d.p.parts[i]
		if err := d.flush(p); err != nil {
			return err
		}
		sure, rest = append(sure, p.chunks[:p.sure]...), append(rest, p.chunks[p.sure:]...)
	}
	d.p.parts = []part{{chunks: append(sure, rest...), sure: len(sure)}}
	return nil
}

// follow checks that op comes after what its process did before.
func (d *divider) follow(op *Op) error {
	end := Never
	if op.Outcome != Info {
		end = op.Complete
	}
	if op.Process < 0 || op.Process >= denseLimit {
		if d.ended[op.Process] > op.Invoke {
			return ErrDisorder
		}
		d.ended[op.Process] = end
		return nil
	}
	if n := int(op.Process) + 1; n > len(d.dense) {
		d.dense = append(d.dense, make([]Time, n+n/2-len(d.dense))...)
	}
	if d.dense[op.Process] > op.Invoke {
		return ErrDisorder
	}
	d.dense[op.Process] = end
	return nil
}

// note keeps what is to be known of the whole.
func (d *divider) note(op *Op, mops []Mop) {
	d.now.ops++
	d.now.end = max(d.now.end, op.last())
	if op.Outcome == Fail {
		return
	}
	for i := range mops {
		if mops[i].Func.Writes() {
			at := op.Complete
			if op.Outcome == Info {
				at = op.Invoke
			}
			d.now.last = max(d.now.last, at)
			return
		}
	}
}

// mark implements receiver.
func (d *divider) mark(h *History) {
	d.show(h)
	d.kept = d.now
	for i := range d.p.parts {
		p := &d.p.parts[i]
		p.marked, p.sure = len(p.buffer.ops), len(p.chunks)
	}
}

// show lets the one who wants to see it see what stands before a mark. h has the names.
func (d *divider) show(h *History) {
	if len(d.unmarked.ops) == 0 {
		return
	}
	seen := *h
	seen.Ops, seen.mops, seen.lists = d.unmarked.ops, d.unmarked.mops, d.unmarked.lists
	d.saw(&seen)
	d.unmarked.reset()
}

// tear implements receiver.
func (d *divider) tear() {
	d.unmarked.reset()
	d.now = d.kept
	for i := range d.p.parts {
		p := &d.p.parts[i]
		p.buffer.ops, p.chunks = p.buffer.ops[:p.marked], p.chunks[:p.sure]
	}
	// An operation that was open at the mark may be among what was forgotten.
	d.dense, d.ended = nil, map[int32]Time{}
}

// flush writes what waits of p: what stands before the mark by itself, so that the rest
// can be forgotten.
func (d *divider) flush(p *part) error {
	ops := p.buffer.ops
	for _, some := range [...][]Op{ops[:p.marked], ops[p.marked:]} {
		if len(some) == 0 {
			continue
		}
		d.order.sort(some)
		d.payload = d.enc.appendBatch(d.payload[:0], some, p.buffer.mops, p.buffer.lists)
		if _, err := d.out.Write(d.payload); err != nil {
			return laid(d.dir, err)
		}
		p.chunks = append(p.chunks, chunk{d.at, int32(len(d.payload)), some[0].Invoke})
		d.at += int64(len(d.payload))
	}
	if p.marked > 0 {
		p.sure++ // the first chunk that was written just now
	}
	p.marked = 0
	p.buffer.reset()
	return nil
}

// Len returns the number of parts; a part may have no operation.
func (p *Parts) Len() int { return len(p.parts) }

// Read reads part i into h, whose memory is used again: nothing that was made of it
// before may be used after. An *InvariantError says how the part breaks what every
// history keeps; its index counts within the part.
func (p *Parts) Read(i int, h *History) error {
	all := batch{h.Ops[:0], h.mops[:0], h.lists[:0]}
	*h = p.Frame
	var dec opsDecoder
	var buf []byte
	for n, c := range p.parts[i].chunks {
		dec.ahead = float64(len(p.parts[i].chunks)) / float64(n+1)
		if err := p.chunk(c, &dec, &buf, &all); err != nil {
			return err
		}
	}
	h.Ops, h.mops, h.lists = all.ops, all.mops, all.lists
	var order opSorter
	order.sort(h.Ops)
	return h.Validate()
}

// Close lets go of the file; the parts cannot be read any more.
func (p *Parts) Close() error {
	if err := p.file.Close(); err != nil {
		return fmt.Errorf("close the parts of a history: %w", err)
	}
	return nil
}
