package history

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// flusher holds a Recorder's state between two flushes.
type flusher struct {
	out blockWriter
	enc opsEncoder
	end endBlock

	ready batch // what this flush writes as ended
	open  batch // what was invoked before the cut and had not ended at it
	late  batch // what ended after the cut: the next flush begins with it
	next  batch // the late of the next flush
	spare batch // swapped with a client's buffer
	order opSorter

	values   *valueSet
	lastOpen Time // the latest invocation that stands in the file
	ended    bool
}

// endBlock is the payload of the last block.
type endBlock struct {
	Ops    int64 `json:"ops"`
	Mops   int64 `json:"micro_operations"`
	Faults int64 `json:"faults"`
	Events int64 `json:"events"`
	// Torn: the history was already torn when it was written.
	Torn bool `json:"torn,omitempty"`
}

// start writes the beginning of the file.
func (f *flusher) start(file *os.File, header *Header) error {
	f.values = newValueSet(1 << 10)
	f.lastOpen = -1
	return writeStart(&f.out, file, header)
}

// writeStart writes the magic and the header.
func writeStart(out *blockWriter, w io.Writer, header *Header) error {
	if err := out.init(w); err != nil {
		return err
	}
	payload, err := json.Marshal(header)
	if err != nil {
		return fmt.Errorf("header: %w", err)
	}
	return out.write(blockHeader, payload, false)
}

// flush writes what happened since the last flush as one consistent cut.
//
// The cut. Let T be a stamp taken before any client is looked at. The flush
// writes, as ended, every operation that it finds in the clients' buffers with a
// completion stamp below T, and, as open, every other operation that it finds
// invoked before T. A reader of a torn file takes all ended operations and the
// open ones of the last whole flush, and calls these info.
//
// Claim: if the file holds a read r as ended, it holds the invocation of every
// operation w whose effect r saw. Proof: w's request left before r's answer
// came. Invoke stamps w before its request leaves, Complete stamps r after its
// answer came, the clock is monotonic, so invoke(w) <= complete(r) < T. Invoke
// stamps and publishes w under its client's lock before it returns, so when the
// flusher takes that lock, later than T, w is there: either still open, or
// ended. Ended below T it is written as ended now or was before; otherwise it is
// written as open now. A client that the flusher does not know was made after T,
// and all it invoked is later than T.
//
// An operation may have stamped its completion below T and not have published it
// when the flusher takes the lock (Complete stamps first): it is written as open
// now and as ended by the next flush, which is the weaker, and so the safe,
// account of it. What ends at T or later is kept back for the next flush: its
// sources may be invoked after their clients were looked at.
//
// A flush of many operations spans blocks; a reader takes none of them before
// the last one, so the claim holds block by block.
//
// With final, T is the end of time, no client records any more, and what is open
// ends as info.
func (r *Recorder) flush(final bool) error {
	r.flushMu.Lock()
	defer r.flushMu.Unlock()
	f := &r.flusher
	if f.ended {
		return r.Err()
	}
	cut := r.clock()
	if final {
		cut = Never
	}
	r.mu.Lock()
	clients := r.clients
	faults, events := r.faults, r.events
	r.faults, r.events = nil, nil
	if final {
		r.closed = true
	}
	r.mu.Unlock()

	f.gather(clients, cut, final)
	f.ended = final
	// Nobody waits for a recorder that has failed.
	reached := Never
	defer func() { r.reached(reached) }()
	if err := r.Err(); err != nil {
		return err
	}
	if err := f.write(r, faults, events, cut, final); err != nil {
		return r.fail(fmt.Errorf("write history %s: %w", r.path, err))
	}
	reached = cut
	r.observer.show(r, faults, events, &f.ready)
	return nil
}

// gather fills ready, open and late.
func (f *flusher) gather(clients []*Client, cut Time, final bool) {
	f.ready.reset()
	f.open.reset()
	f.next.reset()
	f.sort(&f.late, cut)
	for _, c := range clients {
		c.mu.Lock()
		c.done, f.spare = f.spare, c.done
		if c.isOpen && c.op.Invoke < cut {
			op := c.op
			if final {
				f.ready.add(op, c.txn.Mops, c.txn.lists)
				c.info.Store(c.info.Load() + 1)
				c.opened.Store(0)
				c.isOpen = false
			} else {
				f.open.add(op, c.txn.Mops, c.txn.lists)
			}
		}
		if final {
			c.closed = true
		}
		c.mu.Unlock()
		f.sort(&f.spare, cut)
		f.spare.reset()
	}
	f.late, f.next = f.next, f.late
}

// sort puts the operations of b where the cut wants them.
func (f *flusher) sort(b *batch, cut Time) {
	for i := range b.ops {
		op := &b.ops[i]
		mops := b.mopsOf(op)
		if op.Complete < cut || cut == Never {
			ended := *op
			if ended.Outcome == Info {
				ended.Complete = Never
			}
			f.ready.add(ended, mops, b.lists)
			continue
		}
		f.next.add(*op, mops, b.lists)
		if op.Invoke < cut {
			f.open.addOpen(*op, mops)
		}
	}
}

// write writes what gather found.
func (f *flusher) write(r *Recorder, faults []Fault, events []Event, cut Time, final bool) error {
	for i := range faults {
		if err := f.writeJSON(blockFault, &faults[i]); err != nil {
			return err
		}
		f.end.Faults++
	}
	for i := range events {
		if err := f.writeJSON(blockEvent, &events[i]); err != nil {
			return err
		}
		f.end.Events++
	}
	if err := f.checkValues(); err != nil {
		return err
	}
	f.order.sort(f.ready.ops)
	f.order.sort(f.open.ops)
	lastOpen := f.lastOpen
	if n := len(f.open.ops); n > 0 {
		lastOpen = max(lastOpen, f.open.ops[n-1].Invoke)
	}
	if len(f.ready.ops) > 0 || lastOpen > f.lastOpen {
		strings, texts := r.names.since(f.enc.strings, f.enc.texts)
		tables := tables{strings: strings, texts: texts}
		if err := f.enc.writeCut(&f.out, cut, tables, &f.ready, &f.open); err != nil {
			return err
		}
		f.end.Ops += int64(len(f.ready.ops))
		f.end.Mops += int64(len(f.ready.mops))
	}
	f.lastOpen = lastOpen
	if !final {
		return nil
	}
	return f.writeJSON(blockEnd, &f.end)
}

func (f *flusher) writeJSON(kind blockType, v any) error {
	payload, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%s block: %w", kind, err)
	}
	return f.out.write(kind, payload, false)
}

// checkValues refuses a value that was written before.
func (f *flusher) checkValues() error {
	for i := range f.ready.ops {
		op := &f.ready.ops[i]
		for j := range f.ready.mopsOf(op) {
			m := &f.ready.mopsOf(op)[j]
			if m.Func.Installs() && !f.values.add(m.Key, m.Arg) {
				return fmt.Errorf("impossible history: process %d wrote the value %s to key %s, which was written before: values must be unique",
					op.Process, m.Arg, m.Key)
			}
		}
	}
	return nil
}
