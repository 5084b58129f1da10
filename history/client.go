package history

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// wakeAt is the number of operations that a client buffers before it asks for a flush
// ahead of time.
const wakeAt = 1 << 15

// Client records the operations of one worker, one at a time. Its lock is its
// own: only the flusher ever takes it besides, four times a second and for as
// long as it takes to swap two slices.
type Client struct {
	_ [64]byte // keeps neighbours in memory from sharing a cache line

	r  *Recorder
	mu sync.Mutex

	process int32
	closed  bool
	isOpen  bool
	op      Op   // the open operation
	txn     Txn  // its micro-operations as they were invoked
	last    Time // the last stamp, to refuse a clock that runs backwards
	done    batch

	errors, notes nameCache

	ok, fail, info, opened atomic.Int64

	_ [64]byte
}

// Process is the number of the process that the next operation belongs to (or
// the open one, if there is one).
func (c *Client) Process() int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.process
}

// Invoke records that the worker is about to send an operation. txn is copied.
// Node and levels index the recorder's Header; node is -1 if none is asked. The
// stamp is the last thing that Invoke takes: send immediately after it returned.
//
// An error means that nothing was recorded and nothing must be sent.
func (c *Client) Invoke(session int32, node int16, readLevel, writeLevel uint8, txn *Txn) error {
	// Only the worker itself writes c.last.
	if c.r.isBehind(c.last) {
		c.r.waitFlushed(c.last)
	}
	if err := c.r.Err(); err != nil {
		return err
	}
	h := &c.r.header
	if node < -1 || int(node) >= len(h.Nodes) {
		return fmt.Errorf("invoke: node %d: the history's header has %d nodes", node, len(h.Nodes))
	}
	if int(readLevel) >= len(h.Levels) || int(writeLevel) >= len(h.Levels) {
		return fmt.Errorf("invoke: levels %d and %d: the history's header has %d levels", readLevel, writeLevel, len(h.Levels))
	}
	if err := txn.Check(); err != nil {
		return fmt.Errorf("invoke: %w", err)
	}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return ErrClosed
	}
	if c.isOpen {
		c.mu.Unlock()
		return fmt.Errorf("impossible history: process %d invoked an operation while its previous one was open", c.process)
	}
	c.txn.Mops = append(c.txn.Mops[:0], txn.Mops...)
	c.txn.lists = c.txn.lists[:0]
	for i := range c.txn.Mops {
		// What an earlier use of txn left behind was not seen by this operation.
		c.txn.Mops[i].forget()
	}
	c.op = Op{
		Process: c.process, Session: session, Node: node,
		ReadLevel: readLevel, WriteLevel: writeLevel,
		Outcome: Info, Complete: Never, Error: -1, Note: -1,
	}
	c.opened.Store(1)
	c.isOpen = true
	c.op.Invoke = c.r.clock()
	if c.op.Invoke < c.last {
		err := fmt.Errorf("impossible history: process %d invoked an operation at %d ns, before the stamp %d ns of its previous one", c.process, c.op.Invoke, c.last)
		c.isOpen = false
		c.opened.Store(0)
		c.mu.Unlock()
		return c.r.fail(err)
	}
	c.last = c.op.Invoke
	c.mu.Unlock()
	return nil
}

// Complete records how the open operation ended. Its stamp is the first thing
// that it takes: call it immediately after the answer arrived. txn has the
// micro-operations that were invoked, with what was seen; it is copied. Node
// is the node that answered (usually the one that was asked). errText is why
// the outcome is not ok, note what the database told besides values; both may
// be empty, and both are cleaned and kept once.
//
// After an info outcome the worker goes on as a new process; see Process.
func (c *Client) Complete(outcome Outcome, txn *Txn, node int16, errText, note string) error {
	return c.complete(c.r.clock(), 0, Never, outcome, txn, node, errText, note)
}

// CompleteWithin is Complete of an operation that somebody else carried out for the worker, of which it is
// known that its request left at from or later and that its answer had come at to or earlier, by the
// recorder's clock. The operation gets these for its stamps; what lies outside of the time since its
// invocation until now counts for nothing. The cuts of flush stay consistent: their proof asks of the
// stamps that the request did not leave before, and that the answer did not come later.
func (c *Client) CompleteWithin(from, to Time, outcome Outcome, txn *Txn, node int16, errText, note string) error {
	return c.complete(c.r.clock(), from, to, outcome, txn, node, errText, note)
}

func (c *Client) complete(at, from, to Time, outcome Outcome, txn *Txn, node int16, errText, note string) error {
	if err := c.r.Err(); err != nil {
		return err
	}
	if node < -1 || int(node) >= len(c.r.header.Nodes) {
		return fmt.Errorf("complete: node %d: the history's header has %d nodes", node, len(c.r.header.Nodes))
	}
	if outcome > Fail {
		return fmt.Errorf("complete: unknown outcome %d", outcome)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	if !c.isOpen {
		return fmt.Errorf("impossible history: process %d completed an operation that it had not invoked", c.process)
	}
	if at < c.op.Invoke {
		return c.r.fail(fmt.Errorf("impossible history: process %d completed an operation at %d ns, before its invocation at %d ns", c.process, at, c.op.Invoke))
	}
	if err := CheckAnswer(&c.txn, txn, outcome); err != nil {
		return fmt.Errorf("process %d: %w", c.process, err)
	}
	op := &c.op
	op.Outcome = outcome
	op.Node = node
	// The stamp of an info outcome decides to which cut it belongs; the
	// flusher replaces it by Never.
	op.Complete = at
	if from = max(from, op.Invoke); from <= at {
		op.Invoke = from
	}
	if to >= op.Invoke && to < at && outcome != Info {
		op.Complete = to
	}
	op.Error = c.errors.id(errText, &c.r.names, nameError)
	op.Note = c.notes.id(note, &c.r.names, nameNote)
	c.done.add(*op, txn.Mops, txn.lists)
	c.last = at
	c.isOpen = false
	c.opened.Store(0)
	switch outcome {
	case OK:
		c.ok.Store(c.ok.Load() + 1)
	case Fail:
		c.fail.Store(c.fail.Load() + 1)
	default:
		c.info.Store(c.info.Load() + 1)
		c.process = c.r.nextProcess.Add(1) - 1
	}
	if len(c.done.ops)%wakeAt == 0 {
		c.r.wakeUp()
	}
	return nil
}
