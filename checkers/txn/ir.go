package txn

import (
	"fmt"
	"math"

	"github.com/lapse-test/lapse/checkers/txn/internal/guard"
	"github.com/lapse-test/lapse/history"
)

// Where a read got its value from, if not from the write with that number.
const (
	fromInit = -1 // the initial version
	fromNone = -2 // not observed, or not to be told apart
	fromThin = -3 // nobody wrote it
	fromSelf = -4 // its own transaction: nothing is learnt from it
)

// write is a micro-operation that installs a version.
type write struct {
	op, mop, key int32
	// final: the last write of its transaction to the key. Only final writes
	// are versions that others may see.
	final bool
	// prev is the write of its transaction to the key before it, -1 if it is the
	// first.
	prev int32
}

// ir is a history as the checkers see it: transactions as nodes, numbered in the
// order of invocation, writes numbered, reads resolved to writes; flat slices
// only.
type ir struct {
	h *history.History
	// shown is h as people are to see it, with the same operations.
	shown *history.History
	// mopOff[op] is the number of the first micro-operation of op.
	mopOff []int32
	// lists[key]: the key holds a list.
	lists []bool
	keys  int

	// writes are in the order of operations and micro-operations; those of
	// operation op begin at writeOff[op].
	writes   []write
	writeOff []int32
	index    *writeIndex

	// from[mop] resolves a register read; of a list read it is the length of
	// the list without its own transaction's appends at the end, or fromNone.
	// A list that should end with them and does not counts whole.
	from []int32

	// node[op] is the number of a committed transaction, -1 for others; op is
	// the inverse.
	node, op []int32
	n        int

	// soPrev[node] is the transaction before it in its session that certainly
	// took effect before, -1 if there is none. Chains are sessions without what
	// has no successors: each node of a chain precedes the next.
	soPrev             []int32
	chains             int
	chain, chainAt     []int32
	chainOff, chainSeq []int32 // the nodes of chain c: chainSeq[chainOff[c]:chainOff[c+1]]

	// order of list keys: versions[verOff[key]:verOff[key+1]] are writes in
	// the order of the longest read.
	verOff   []int32
	versions []int32
	// verPos[write] is its place in the order of its key, unseen if no read had
	// it, unplaced if only reads had it that disagree with the longest.
	verPos []int32
	// longest[key] is the micro-operation with the longest list and longestOp
	// its operation, -1 if there is none.
	longest, longestOp []int32
	// rmw tells which operation read a version and wrote the key: by write, then
	// by key (the initial version of registers), then by place in the order of a
	// list. rmwRead[mop]: that read was followed by a write of the key.
	rmw     []int32
	rmwRead []bool
	// odd[mop]: the list does not agree with the longest; no edges come from it.
	odd map[int32]bool
	// blind: transactions do not learn where their own appends come in the order.
	blind bool

	// ext[extOff[node]:extOff[node+1]] are the external reads of a node.
	extOff []int32
	ext    []external
	// anyList: there is a list at all.
	anyList bool

	found *findings
	guard *guard.Guard
}

// build makes the IR of h and finds what is wrong without any graph.
func build(h, shown *history.History, g *guard.Guard) (*ir, error) {
	r := &ir{h: h, shown: shown, guard: g, found: newFindings(h, g), odd: map[int32]bool{}}
	r.blind = h.BlindAppends()
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
	return r, g.Check()
}

// mops are the micro-operations of op with the number of the first.
func (r *ir) mops(op int32) ([]history.Mop, int32) {
	return r.h.Mops(&r.h.Ops[op]), r.mopOff[op]
}

// applies says why h cannot be checked.
func applies(h *history.History) error {
	var list, register []bool
	var appended map[pairKV]bool
	if h.Ambiguous {
		appended = map[pairKV]bool{}
	}
	for i := range h.Ops {
		mops := h.Mops(&h.Ops[i])
		for j := range mops {
			m := &mops[j]
			for int(m.Key) >= len(list) {
				list, register = append(list, false), append(register, false)
			}
			switch m.Func {
			case history.Append, history.ReadList:
				list[m.Key] = true
			case history.Read, history.Write, history.CAS, history.Delete:
				register[m.Key] = true
			default:
				return fmt.Errorf("operation %d has a micro-operation %s: isolation levels are checked for reads and writes of registers and lists only", i, m.Func)
			}
			if m.Func == history.Append && appended != nil {
				if kv := (pairKV{m.Key, m.Arg}); appended[kv] {
					return fmt.Errorf("operation %d appends %s to key %s a second time: isolation levels are checked for lists whose elements are appended once", i, h.ValueText(m.Arg), h.KeyName(m.Key))
				} else {
					appended[kv] = true
				}
			}
			if list[m.Key] && register[m.Key] {
				return fmt.Errorf("operation %d uses key %s as a register and others use it as a list, or the other way round", i, h.KeyName(m.Key))
			}
		}
	}
	return nil
}

// scan numbers micro-operations and writes and learns what each key holds.
func (r *ir) scan() error {
	h := r.h
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
	if err := r.guard.Reserve(int64(total)*12 + int64(installs)*72 + int64(len(h.Ops))*48 + int64(keys)*40); err != nil {
		return err
	}
	r.keys = keys
	r.lists = make([]bool, keys)
	r.writes = make([]write, 0, installs)
	r.writeOff = make([]int32, len(h.Ops)+1)
	r.index = newWriteIndex(installs)
	last := newKeyed[int32](keys)
	for i := range h.Ops {
		if err := r.guard.Tick(); err != nil {
			return err
		}
		op := &h.Ops[i]
		mops := h.Mops(op)
		last.reset()
		for j := range mops {
			m := &mops[j]
			switch m.Func {
			case history.Append, history.ReadList:
				r.lists[m.Key] = true
				r.anyList = true
			}
			if !m.Func.Writes() {
				continue
			}
			id := int32(len(r.writes))
			if !r.index.add(m.Key, m.Arg, id) {
				return fmt.Errorf("operation %d writes %s to key %s a second time", i, h.ValueText(m.Arg), h.KeyName(m.Key))
			}
			prev, ok := last.get(m.Key)
			if !ok {
				prev = -1
			} else {
				r.writes[prev].final = false
			}
			last.set(m.Key, id)
			r.writes = append(r.writes, write{op: int32(i), mop: int32(j), key: int32(m.Key), final: true, prev: prev})
		}
		r.writeOff[i+1] = int32(len(r.writes))
	}
	return nil
}

// number gives the committed transactions their node numbers and chains.
func (r *ir) number() {
	h := r.h
	for i := range h.Ops {
		if r.node[i] < 0 {
			continue
		}
		r.node[i] = int32(r.n)
		r.n++
	}
	r.op = make([]int32, r.n)
	r.soPrev = make([]int32, r.n)
	r.chain = make([]int32, r.n)
	r.chainAt = make([]int32, r.n)
	// tails are the last nodes of each session that have successors: one, unless
	// operations of a session overlap.
	tail := map[int32]int32{}
	var length []int32
	for i := range h.Ops {
		v := r.node[i]
		if v < 0 {
			continue
		}
		r.op[v] = int32(i)
		op := &h.Ops[i]
		prev, ok := tail[op.Session]
		if !ok {
			prev = -1
		}
		r.soPrev[v] = -1
		if prev >= 0 && h.Ops[r.op[prev]].Complete <= op.Invoke {
			r.soPrev[v] = prev
		}
		if r.soPrev[v] >= 0 && op.Outcome == history.OK {
			r.chain[v] = r.chain[prev]
		} else {
			r.chain[v] = int32(len(length))
			length = append(length, 0)
		}
		r.chainAt[v] = length[r.chain[v]]
		length[r.chain[v]]++
		if op.Outcome == history.OK && (prev < 0 || r.soPrev[v] >= 0 || op.Complete < h.Ops[r.op[prev]].Complete) {
			tail[op.Session] = v
		}
	}
	r.chains = len(length)
	r.chainOff = make([]int32, r.chains+1)
	for c, n := range length {
		r.chainOff[c+1] = r.chainOff[c] + n
	}
	r.chainSeq = make([]int32, r.n)
	for v := range int32(r.n) {
		r.chainSeq[r.chainOff[r.chain[v]]+r.chainAt[v]] = v
	}
}
