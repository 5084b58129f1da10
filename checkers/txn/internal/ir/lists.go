package ir

import (
	"fmt"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/txn/internal/anomaly"
	"github.com/lapse-test/lapse/checkers/txn/internal/tell"
	"github.com/lapse-test/lapse/history"
)

// orderLists finds the longest list of each key among ok transactions, and the
// lists that are no prefix of it.
func (r *IR) orderLists() {
	h := r.H
	if !r.AnyList {
		return
	}
	length := make([]int32, r.Keys)
	for i := range h.Ops {
		if r.Guard.Tick() != nil {
			return
		}
		if h.Ops[i].Outcome != history.OK {
			continue
		}
		mops, at := r.Mops(int32(i))
		for j := range mops {
			m := &mops[j]
			if m.Func == history.ReadList && m.Flags&history.Observed != 0 {
				if r.Odd[at+int32(j)] {
					continue
				}
				if k, n := m.Key, r.places(at+int32(j), m); r.longest[k] < 0 || n > length[k] {
					r.longest[k], r.LongestOp[k], length[k] = at+int32(j), int32(i), n
				}
			}
		}
	}
	for i := range h.Ops {
		if r.Guard.Tick() != nil {
			return
		}
		if h.Ops[i].Outcome != history.OK {
			continue
		}
		mops, at := r.Mops(int32(i))
		for j := range mops {
			m := &mops[j]
			if m.Func == history.ReadList && m.Flags&history.Observed != 0 {
				r.compareList(int32(i), at+int32(j), m)
			}
		}
	}
}

// takeList is orderLists for one list of an info transaction that committed.
func (r *IR) takeList(op, mop int32, m *history.Mop) {
	k := m.Key
	if r.Odd[mop] {
		return
	}
	if r.longest[k] >= 0 && int(r.places(mop, m)) <= len(r.listOf(int32(k))) {
		r.compareList(op, mop, m)
		return
	}
	oldOp, old := r.LongestOp[k], r.longest[k]
	r.longest[k], r.LongestOp[k] = mop, op
	if old >= 0 {
		mops, at := r.Mops(oldOp)
		if !IsPrefix(r.placed(old, &mops[old-at]), r.placed(mop, m)) {
			// The longer list is the odd one out: all others agree with the
			// shorter.
			r.longest[k], r.LongestOp[k] = old, oldOp
			r.incompatible(op, mop, m)
		}
	}
}

func (r *IR) compareList(op, mop int32, m *history.Mop) {
	if mop == r.longest[m.Key] || r.Odd[mop] {
		return
	}
	if !IsPrefix(r.placed(mop, m), r.listOf(int32(m.Key))) {
		r.incompatible(op, mop, m)
	}
}

func (r *IR) incompatible(op, mop int32, m *history.Mop) {
	r.Odd[mop] = true
	other := r.LongestOp[m.Key]
	r.Found.Add(anomaly.Incompatible, func() checkers.Violation {
		a, b := r.placed(mop, m), r.listOf(int32(m.Key))
		both := fmt.Sprintf("%s and %s read the key", tell.Op(int(op)), tell.Op(int(other)))
		if own := r.otherOrder(op, m, a); own != nil {
			other, b = op, own
			both = tell.Op(int(op)) + " read the key twice,"
		}
		i := 0
		for i < len(a) && i < len(b) && a[i] == b[i] {
			i++
		}
		key := r.H.KeyName(m.Key)
		why := fmt.Sprintf("at place %d of key %s one saw %s and the other %s", i, key, elementAt(r.H, a, i), elementAt(r.H, b, i))
		return checkers.Violation{
			Key: key, Session: -1, Ops: []int{int(op), int(other)},
			Sentence: fmt.Sprintf("%s %s in two orders of which neither begins with the other: %s and %s. No order of the appends explains both.",
				both, key, tell.List(r.H, a), tell.List(r.H, b)),
			Steps: []checkers.Step{{From: int(op), To: int(other), Kind: "incompatible", Why: why}},
		}
	})
}

// otherOrder is a list that operation op read with another micro-operation than m and
// of which neither begins with the other, nil if there is none.
func (r *IR) otherOrder(op int32, m *history.Mop, list []history.Value) []history.Value {
	mops, at := r.Mops(op)
	for j := range mops {
		x := &mops[j]
		if x == m || x.Key != m.Key || x.Func != history.ReadList || x.Flags&history.Observed == 0 {
			continue
		}
		if other := r.placed(at+int32(j), x); !IsPrefix(other, list) && !IsPrefix(list, other) {
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

// IsPrefix tells whether long begins with short.
func IsPrefix(short, long []history.Value) bool {
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
func (r *IR) indexVersions() {
	r.VerPos = make([]int32, len(r.Writes))
	for w := range r.VerPos {
		r.VerPos[w] = Unseen
	}
	r.VerOff = make([]int32, r.Keys+1)
	for k := range int32(r.Keys) {
		n := int32(0)
		if r.longest[k] >= 0 {
			n = int32(len(r.listOf(k)))
		}
		r.VerOff[k+1] = r.VerOff[k] + n
	}
	r.Versions = make([]int32, r.VerOff[r.Keys])
	for k := range int32(r.Keys) {
		if r.longest[k] < 0 {
			continue
		}
		for i, v := range r.listOf(k) {
			w := r.Index.Find(history.Key(k), v)
			switch {
			case w < 0:
				w = fromThin
			case r.VerPos[w] >= 0:
				r.duplicate(k, v)
			default:
				r.VerPos[w] = int32(i)
			}
			r.Versions[r.VerOff[k]+int32(i)] = w
		}
	}
	for mop := range r.Odd {
		r.eachOddElement(mop, func(w int32) {
			if w >= 0 && r.VerPos[w] == Unseen {
				r.VerPos[w] = Unplaced
			}
		})
	}
}

func (r *IR) duplicate(k int32, v history.Value) {
	op := int(r.LongestOp[k])
	r.Found.Add(anomaly.Duplicate, func() checkers.Violation {
		key := r.H.KeyName(history.Key(k))
		return checkers.Violation{
			Key: key, Session: r.H.Ops[op].Session, Ops: []int{op, int(r.Writes[r.Index.Find(history.Key(k), v)].Op)},
			Sentence: fmt.Sprintf("%s read the element %s of key %s twice, though it was appended once.", tell.Op(op), r.H.ValueText(v), key),
			Steps:    []checkers.Step{{From: op, To: -1, Kind: "duplicate", Why: fmt.Sprintf("%s stands twice in the list of key %s", r.H.ValueText(v), key)}},
		}
	})
}
