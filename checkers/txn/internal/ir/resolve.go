package ir

import (
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
func (r *IR) resolve() {
	h := r.H
	own := newOwnAppends(r.Keys)
	r.From = make([]int32, r.mopOff[len(h.Ops)])
	r.longest = make([]int32, r.Keys)
	r.LongestOp = make([]int32, r.Keys)
	for k := range r.longest {
		r.longest[k], r.LongestOp[k] = -1, -1
	}
	for i := range h.Ops {
		if r.Guard.Tick() != nil {
			return
		}
		op := &h.Ops[i]
		mops, at := r.Mops(int32(i))
		own.reset()
		for j := range mops {
			m := &mops[j]
			r.From[at+int32(j)] = fromNone
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
					r.From[at+int32(j)] = r.writerOf(m.Key, m.Ret)
				}
			case history.CAS:
				// Of an indeterminate one that counts, somebody read the value.
				r.From[at+int32(j)] = r.writerOf(m.Key, m.Expect)
			case history.ReadList:
				if m.Flags&history.Observed != 0 {
					n, ok := own.cut(m.Key, h.List(m))
					if !ok && r.Blind {
						r.Odd[at+int32(j)] = true
					}
					r.From[at+int32(j)] = n
				}
			}
		}
	}
}

// ownAppends are the appends of one transaction so far, a chain a key.
type ownAppends struct {
	last *Keyed[int32]
	all  []ownAppend
}

type ownAppend struct {
	value history.Value
	prev  int32
}

func newOwnAppends(keys int) *ownAppends { return &ownAppends{last: NewKeyed[int32](keys)} }

func (o *ownAppends) reset() {
	if len(o.all) > 0 {
		o.last.Reset()
		o.all = o.all[:0]
	}
}

func (o *ownAppends) add(m *history.Mop) {
	prev, ok := o.last.Get(m.Key)
	if !ok {
		prev = -1
	}
	o.last.Set(m.Key, int32(len(o.all)))
	o.all = append(o.all, ownAppend{m.Arg, prev})
}

// cut is the length of list without all own appends at its end; ok is false,
// and the length whole, if it does not end with them.
func (o *ownAppends) cut(k history.Key, list []history.Value) (length int32, ok bool) {
	n := len(list)
	if len(o.all) == 0 {
		return int32(n), true
	}
	at, some := o.last.Get(k)
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
func (r *IR) writerOf(k history.Key, v history.Value) int32 {
	if v != history.Absent {
		if w := r.Index.Find(k, v); w >= 0 {
			return w
		}
	}
	if v == r.H.Header.Initial || v == history.Absent {
		return FromInit
	}
	return fromThin
}
