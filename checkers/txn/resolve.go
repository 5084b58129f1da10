package txn

import (
	"fmt"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
)

// resolve finds the write behind every register read and the longest list of
// every key, for ok transactions and, in case they turn out to have committed,
// for info ones.
//
// The whole of a list counts for the order of the key's versions, its
// transaction's own appends included (Elle does so too). The version that it was
// read from is what stands before those appends, if it ends with them: from is
// that length. Otherwise it is the last element. Of appends that are blind merges
// (history.AttributeAppends) a transaction does not learn their places, and only what
// stands before them counts.
func (r *ir) resolve() {
	h := r.h
	own := newOwnAppends(r.keys)
	r.from = make([]int32, r.mopOff[len(h.Ops)])
	r.longest = make([]int32, r.keys)
	r.longestOp = make([]int32, r.keys)
	for k := range r.longest {
		r.longest[k], r.longestOp[k] = -1, -1
	}
	for i := range h.Ops {
		if r.guard.Tick() != nil {
			return
		}
		op := &h.Ops[i]
		mops, at := r.mops(int32(i))
		own.reset()
		for j := range mops {
			m := &mops[j]
			r.from[at+int32(j)] = fromNone
			if op.Outcome == history.Fail {
				continue
			}
			switch m.Func {
			case history.Append:
				if len(mops) > 1 {
					own.add(m)
				}
			case history.Read:
				if m.Flags&history.Observed != 0 {
					r.from[at+int32(j)] = r.writerOf(m.Key, m.Ret)
				}
			case history.CAS:
				// Of an indeterminate one that counts, somebody read the value.
				r.from[at+int32(j)] = r.writerOf(m.Key, m.Expect)
			case history.ReadList:
				if m.Flags&history.Observed != 0 {
					n, ok := own.cut(m.Key, h.List(m))
					if !ok && r.blind {
						r.odd[at+int32(j)] = true
					}
					r.from[at+int32(j)] = n
				}
			}
		}
	}
}

// ownAppends are the appends of one transaction so far, a chain a key.
type ownAppends struct {
	last *keyed[int32]
	all  []ownAppend
}

type ownAppend struct {
	value history.Value
	prev  int32
}

func newOwnAppends(keys int) *ownAppends { return &ownAppends{last: newKeyed[int32](keys)} }

func (o *ownAppends) reset() {
	if len(o.all) > 0 {
		o.last.reset()
		o.all = o.all[:0]
	}
}

func (o *ownAppends) add(m *history.Mop) {
	prev, ok := o.last.get(m.Key)
	if !ok {
		prev = -1
	}
	o.last.set(m.Key, int32(len(o.all)))
	o.all = append(o.all, ownAppend{m.Arg, prev})
}

// cut is the length of list without all own appends at its end; ok is false,
// and the length whole, if it does not end with them.
func (o *ownAppends) cut(k history.Key, list []history.Value) (length int32, ok bool) {
	n := len(list)
	if len(o.all) == 0 {
		return int32(n), true
	}
	at, some := o.last.get(k)
	if !some {
		return int32(n), true
	}
	for ; at >= 0; at = o.all[at].prev {
		if n == 0 || list[n-1] != o.all[at].value {
			return int32(len(list)), false
		}
		n--
	}
	return int32(n), true
}

// writerOf is the write that v names in a register.
func (r *ir) writerOf(k history.Key, v history.Value) int32 {
	if v != history.Absent {
		if w := r.index.find(k, v); w >= 0 {
			return w
		}
	}
	if v == r.h.Header.Initial || v == history.Absent {
		return fromInit
	}
	return fromThin
}

// include decides which transactions count as committed: ok ones, and info ones
// of which something was read by one that counts. It also finds the version
// orders of lists, because they say what was read.
func (r *ir) include() {
	h := r.h
	r.node = make([]int32, len(h.Ops))
	infos := 0
	for i := range h.Ops {
		r.node[i] = -1
		switch h.Ops[i].Outcome {
		case history.OK:
			r.node[i] = 0
		case history.Info:
			infos++
		}
	}
	r.orderLists()
	if infos == 0 {
		r.indexVersions()
		return
	}
	// Walk from what was seen to who wrote it, until nothing new turns up. A
	// list that turns up may be longer than all before it.
	var todo []int32
	want := func(w int32) {
		if w >= 0 {
			if op := r.writes[w].op; r.node[op] < 0 && h.Ops[op].Outcome == history.Info {
				r.node[op] = 0
				todo = append(todo, op)
			}
		}
	}
	for k := range int32(r.keys) {
		if r.longest[k] >= 0 {
			for _, v := range r.listOf(k) {
				want(r.index.find(history.Key(k), v))
			}
		}
	}
	for mop := range r.odd {
		r.eachOddElement(mop, want)
	}
	for i := range h.Ops {
		if h.Ops[i].Outcome == history.OK {
			r.wantReads(int32(i), want)
		}
	}
	for len(todo) > 0 {
		op := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		r.wantReads(op, want)
		mops, at := r.mops(op)
		for j := range mops {
			m := &mops[j]
			if m.Func == history.ReadList && m.Flags&history.Observed != 0 {
				r.takeList(op, at+int32(j), m)
				for _, v := range r.placed(at+int32(j), m) {
					want(r.index.find(m.Key, v))
				}
			}
		}
	}
	r.indexVersions()
}

func (r *ir) wantReads(op int32, want func(int32)) {
	mops, at := r.mops(op)
	for j := range mops {
		if m := &mops[j]; m.Func == history.Read || m.Func == history.CAS {
			want(r.from[at+int32(j)])
		}
	}
}

func isRegisterRead(m *history.Mop) bool { return m.Func == history.Read || m.Func == history.CAS }

// listOf is the longest list of key k.
func (r *ir) listOf(k int32) []history.Value {
	op := r.longestOp[k]
	mops, at := r.mops(op)
	return r.placed(r.longest[k], &mops[r.longest[k]-at])
}

// placed is the list that micro-operation m with number mop read, as far as it
// says in which order its elements were appended.
func (r *ir) placed(mop int32, m *history.Mop) []history.Value {
	list := r.h.List(m)
	if r.blind {
		list = list[:r.from[mop]]
	}
	return list
}

// places is the length of placed.
func (r *ir) places(mop int32, m *history.Mop) int32 {
	if !r.blind {
		return int32(len(r.h.List(m)))
	}
	return r.from[mop]
}

func (r *ir) eachOddElement(mop int32, f func(int32)) {
	// The operation of a micro-operation is found by bisection: odd lists are
	// rare.
	lo, hi := 0, len(r.h.Ops)
	for lo+1 < hi {
		mid := (lo + hi) / 2
		if r.mopOff[mid] <= mop {
			lo = mid
		} else {
			hi = mid
		}
	}
	if r.node[lo] < 0 {
		return // an indeterminate transaction that does not count
	}
	mops, at := r.mops(int32(lo))
	m := &mops[mop-at]
	for _, v := range r.placed(mop, m) {
		f(r.index.find(m.Key, v))
	}
}

// orderLists finds the longest list of each key among ok transactions, and the
// lists that are no prefix of it.
func (r *ir) orderLists() {
	h := r.h
	if !r.anyList {
		return
	}
	length := make([]int32, r.keys)
	for i := range h.Ops {
		if r.guard.Tick() != nil {
			return
		}
		if h.Ops[i].Outcome != history.OK {
			continue
		}
		mops, at := r.mops(int32(i))
		for j := range mops {
			m := &mops[j]
			if m.Func == history.ReadList && m.Flags&history.Observed != 0 {
				if r.odd[at+int32(j)] {
					continue
				}
				if k, n := m.Key, r.places(at+int32(j), m); r.longest[k] < 0 || n > length[k] {
					r.longest[k], r.longestOp[k], length[k] = at+int32(j), int32(i), n
				}
			}
		}
	}
	for i := range h.Ops {
		if r.guard.Tick() != nil {
			return
		}
		if h.Ops[i].Outcome != history.OK {
			continue
		}
		mops, at := r.mops(int32(i))
		for j := range mops {
			m := &mops[j]
			if m.Func == history.ReadList && m.Flags&history.Observed != 0 {
				r.compareList(int32(i), at+int32(j), m)
			}
		}
	}
}

// takeList is orderLists for one list of an info transaction that committed.
func (r *ir) takeList(op, mop int32, m *history.Mop) {
	k := m.Key
	if r.odd[mop] {
		return
	}
	if r.longest[k] >= 0 && int(r.places(mop, m)) <= len(r.listOf(int32(k))) {
		r.compareList(op, mop, m)
		return
	}
	oldOp, old := r.longestOp[k], r.longest[k]
	r.longest[k], r.longestOp[k] = mop, op
	if old >= 0 {
		mops, at := r.mops(oldOp)
		if !isPrefix(r.placed(old, &mops[old-at]), r.placed(mop, m)) {
			// The longer list is the odd one out: all others agree with the
			// shorter.
			r.longest[k], r.longestOp[k] = old, oldOp
			r.incompatible(op, mop, m)
		}
	}
}

func (r *ir) compareList(op, mop int32, m *history.Mop) {
	if mop == r.longest[m.Key] || r.odd[mop] {
		return
	}
	if !isPrefix(r.placed(mop, m), r.listOf(int32(m.Key))) {
		r.incompatible(op, mop, m)
	}
}

func (r *ir) incompatible(op, mop int32, m *history.Mop) {
	r.odd[mop] = true
	other := r.longestOp[m.Key]
	r.found.add(AnomalyIncompatible, func() checkers.Violation {
		a, b := r.placed(mop, m), r.listOf(int32(m.Key))
		both := fmt.Sprintf("%s and %s read the key", opName(int(op)), opName(int(other)))
		if own := r.otherOrder(op, m, a); own != nil {
			other, b = op, own
			both = opName(int(op)) + " read the key twice,"
		}
		i := 0
		for i < len(a) && i < len(b) && a[i] == b[i] {
			i++
		}
		key := r.h.KeyName(m.Key)
		why := fmt.Sprintf("at place %d of key %s one saw %s and the other %s", i, key, elementAt(r.h, a, i), elementAt(r.h, b, i))
		return checkers.Violation{
			Key: key, Session: -1, Ops: []int{int(op), int(other)},
			Sentence: fmt.Sprintf("%s %s in two orders of which neither begins with the other: %s and %s. No order of the appends explains both.",
				both, key, listText(r.h, a), listText(r.h, b)),
			Steps: []checkers.Step{{From: int(op), To: int(other), Kind: "incompatible", Why: why}},
		}
	})
}

// otherOrder is a list that operation op read with another micro-operation than m and
// of which neither begins with the other, nil if there is none.
func (r *ir) otherOrder(op int32, m *history.Mop, list []history.Value) []history.Value {
	mops, at := r.mops(op)
	for j := range mops {
		x := &mops[j]
		if x == m || x.Key != m.Key || x.Func != history.ReadList || x.Flags&history.Observed == 0 {
			continue
		}
		if other := r.placed(at+int32(j), x); !isPrefix(other, list) && !isPrefix(list, other) {
			return other
		}
	}
	return nil
}

func elementAt(h *history.History, list []history.Value, i int) string {
	if i >= len(list) {
		return "nothing"
	}
	return h.ValueText(list[i])
}

func isPrefix(short, long []history.Value) bool {
	if len(short) > len(long) {
		return false
	}
	for i, v := range short {
		if long[i] != v {
			return false
		}
	}
	return true
}

// indexVersions turns the longest lists into orders of writes.
func (r *ir) indexVersions() {
	r.verPos = make([]int32, len(r.writes))
	for w := range r.verPos {
		r.verPos[w] = unseen
	}
	r.verOff = make([]int32, r.keys+1)
	for k := range int32(r.keys) {
		n := int32(0)
		if r.longest[k] >= 0 {
			n = int32(len(r.listOf(k)))
		}
		r.verOff[k+1] = r.verOff[k] + n
	}
	r.versions = make([]int32, r.verOff[r.keys])
	for k := range int32(r.keys) {
		if r.longest[k] < 0 {
			continue
		}
		for i, v := range r.listOf(k) {
			w := r.index.find(history.Key(k), v)
			switch {
			case w < 0:
				w = fromThin
			case r.verPos[w] >= 0:
				r.duplicate(k, v)
			default:
				r.verPos[w] = int32(i)
			}
			r.versions[r.verOff[k]+int32(i)] = w
		}
	}
	for mop := range r.odd {
		r.eachOddElement(mop, func(w int32) {
			if w >= 0 && r.verPos[w] == unseen {
				r.verPos[w] = unplaced
			}
		})
	}
}

// Places of versions that the longest list of their key does not have.
const (
	unseen   = -1
	unplaced = -2
)

func (r *ir) duplicate(k int32, v history.Value) {
	op := int(r.longestOp[k])
	r.found.add(AnomalyDuplicate, func() checkers.Violation {
		key := r.h.KeyName(history.Key(k))
		return checkers.Violation{
			Key: key, Session: r.h.Ops[op].Session, Ops: []int{op, int(r.writes[r.index.find(history.Key(k), v)].op)},
			Sentence: fmt.Sprintf("%s read the element %s of key %s twice, though it was appended once.", opName(op), r.h.ValueText(v), key),
			Steps:    []checkers.Step{{From: op, To: -1, Kind: "duplicate", Why: fmt.Sprintf("%s stands twice in the list of key %s", r.h.ValueText(v), key)}},
		}
	})
}
