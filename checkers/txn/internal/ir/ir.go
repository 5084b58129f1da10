// Package ir is the representation of a history of transactions that all levels are
// decided on: transactions that count as committed as nodes, writes numbered, reads
// resolved to the writes that they saw, the orders of lists as far as reads tell them,
// and the anomalies that can be seen in one transaction and the writers of what it
// read. Nothing else of the checker writes to it.
package ir

import (
	"fmt"
	"math"

	"github.com/lapse-test/lapse/checkers/txn/internal/anomaly"
	"github.com/lapse-test/lapse/checkers/txn/internal/guard"
	"github.com/lapse-test/lapse/history"
)

// Where a read got its value from, if not from the write with that number.
const (
	FromInit = -1 // the initial version
	fromNone = -2 // not observed, or not to be told apart
	fromThin = -3 // nobody wrote it
	fromSelf = -4 // its own transaction: nothing is learnt from it
)

// write is a micro-operation that installs a version.
type write struct {
	Op, mop, Key int32
	// Final: the last write of its transaction to the key. Only final writes
	// are versions that others may see.
	Final bool
	// failed: its transaction failed. It stands here too because every read asks, and
	// the operation is far away in memory.
	failed bool
	// prev is the write of its transaction to the key before it, -1 if it is the
	// first.
	prev int32
}

// IR is a history as the checkers see it: transactions as nodes, numbered in the
// order of invocation, writes numbered, reads resolved to writes; flat slices
// only. Nothing of it changes once it is built.
type IR struct {
	H *history.History
	// Shown is h as people are to see it, with the same operations.
	Shown *history.History
	// mopOff[op] is the number of the first micro-operation of op.
	mopOff []int32
	Keys   int

	writeTable
	nodeTable
	listOrders
	readTable

	// Found are the anomalies that need no graph.
	Found *anomaly.Set
	Guard *guard.Guard
}

// writeTable are the writes, in the order of operations and micro-operations.
type writeTable struct {
	// Writes of operation op begin at WriteOff[op].
	Writes   []write
	WriteOff []int32
	Index    *writeIndex
}

// nodeTable are the transactions that count as committed, with their sessions.
type nodeTable struct {
	// Node[op] is the number of a committed transaction, -1 for others; op is
	// the inverse.
	Node, Op []int32
	N        int

	// SoPrev[node] is the transaction before it in its session that certainly
	// took effect before, -1 if there is none. Chains are sessions without what
	// has no successors: each node of a chain precedes the next.
	SoPrev             []int32
	Chains             int
	Chain, ChainAt     []int32
	ChainOff, ChainSeq []int32 // the nodes of chain c: ChainSeq[ChainOff[c]:ChainOff[c+1]]
}

// listOrders are the orders of the versions of lists, as far as reads tell.
type listOrders struct {
	// Lists[key]: the key holds a list. AnyList: there is one at all.
	Lists   []bool
	AnyList bool
	// Versions[VerOff[key]:VerOff[key+1]] are writes in the order of the longest
	// read.
	VerOff   []int32
	Versions []int32
	// VerPos[write] is its place in the order of its key, unseen if no read had
	// it, unplaced if only reads had it that disagree with the longest.
	VerPos []int32
	// longest[key] is the micro-operation with the longest list and LongestOp
	// its operation, -1 if there is none.
	longest, LongestOp []int32
	// Odd[mop]: the list does not agree with the longest; no edges come from it.
	Odd map[int32]bool
	// Blind: transactions do not learn where their own appends come in the order.
	Blind bool
}

// readTable holds the reads of all transactions.
type readTable struct {
	// From[mop] resolves a register read; of a list read it is the length of
	// the list without its own transaction's appends at the end, or fromNone.
	// A list that should end with them and does not counts whole.
	From []int32
	// Rmw tells which operation read a version and wrote the key: by write, then
	// by key (the initial version of registers), then by place in the order of a
	// list. RmwRead[mop]: that read was followed by a write of the key.
	Rmw     []int32
	RmwRead []bool
	// ext[extOff[node]:extOff[node+1]] are the external reads of a node.
	extOff []int32
	ext    []External
}

// Build makes the IR of h and finds what is wrong without any graph.
func Build(h, shown *history.History, g *guard.Guard) (*IR, error) {
	r := &IR{H: h, Shown: shown, Guard: g, Found: anomaly.NewSet(h, g.Max)}
	r.Odd, r.Blind = map[int32]bool{}, h.BlindAppends()
	if err := r.scan(); err != nil {
		return nil, err
	}
	if err := g.Check(); err != nil {
		return nil, err
	}
	// Each of these stops when the budget has run out, and check says so.
	r.resolve()
	if err := g.Check(); err != nil {
		return nil, err
	}
	r.include()
	if err := g.Check(); err != nil {
		return nil, err
	}
	r.number()
	if err := g.Check(); err != nil {
		return nil, err
	}
	return r, r.examine()
}

// Mops are the micro-operations of op with the number of the first.
func (r *IR) Mops(op int32) ([]history.Mop, int32) {
	return r.H.Mops(&r.H.Ops[op]), r.mopOff[op]
}

// scan numbers micro-operations and writes and learns what each key holds.
func (r *IR) scan() error {
	h := r.H
	r.mopOff = make([]int32, len(h.Ops)+1)
	total, installs, keys := 0, 0, 0
	for i := range h.Ops {
		mops := h.Mops(&h.Ops[i])
		total += len(mops)
		if total > math.MaxInt32 {
			return fmt.Errorf("the history has more than %d micro-operations", math.MaxInt32)
		}
		r.mopOff[i+1] = int32(total)
		for j := range mops {
			keys = max(keys, int(mops[j].Key)+1)
			if mops[j].Func.Writes() {
				installs++
			}
		}
	}
	// What the tables of this file take: a few numbers a micro-operation, a write
	// with two places in the index, a read, a node.
	if err := r.Guard.Reserve(int64(total)*12 + int64(installs)*72 + int64(len(h.Ops))*48 + int64(keys)*40); err != nil {
		return err
	}
	r.Keys = keys
	r.Lists = make([]bool, keys)
	r.Writes = make([]write, 0, installs)
	r.WriteOff = make([]int32, len(h.Ops)+1)
	r.Index = newWriteIndex(h, installs, keys)
	last := NewKeyed[int32](keys)
	for i := range h.Ops {
		if err := r.Guard.Tick(); err != nil {
			return err
		}
		op := &h.Ops[i]
		mops := h.Mops(op)
		failed := op.Outcome == history.Fail
		last.Reset()
		for j := range mops {
			m := &mops[j]
			switch m.Func {
			case history.Append, history.ReadList:
				r.Lists[m.Key] = true
				r.AnyList = true
			}
			if !m.Func.Writes() {
				continue
			}
			id := int32(len(r.Writes))
			if !r.Index.add(m.Key, m.Arg, id) {
				return fmt.Errorf("operation %d writes %s to key %s a second time", i, h.ValueText(m.Arg), h.KeyName(m.Key))
			}
			prev, ok := last.Get(m.Key)
			if !ok {
				prev = -1
			} else {
				r.Writes[prev].Final = false
			}
			last.Set(m.Key, id)
			r.Writes = append(r.Writes, write{Op: int32(i), mop: int32(j), Key: int32(m.Key), Final: true, failed: failed, prev: prev})
		}
		r.WriteOff[i+1] = int32(len(r.Writes))
	}
	return nil
}
