package ir

import "github.com/lapse-test/lapse/history"

// include decides which transactions count as committed: ok ones, and info ones
// of which something was read by one that counts. It also finds the version
// orders of lists, because they say what was read.
func (r *IR) include() {
	h := r.H
	r.Node = make([]int32, len(h.Ops))
	infos := 0
	for i := range h.Ops {
		r.Node[i] = -1
		switch h.Ops[i].Outcome {
		case history.OK:
			r.Node[i] = 0
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
			if op := r.Writes[w].Op; r.Node[op] < 0 && h.Ops[op].Outcome == history.Info {
				r.Node[op] = 0
				todo = append(todo, op)
			}
		}
	}
	for k := range int32(r.Keys) {
		if r.longest[k] >= 0 {
			for _, v := range r.listOf(k) {
				want(r.Index.Find(history.Key(k), v))
			}
		}
	}
	for mop := range r.Odd {
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
		mops, at := r.Mops(op)
		for j := range mops {
			m := &mops[j]
			if m.Func == history.ReadList && m.Flags&history.Observed != 0 {
				r.takeList(op, at+int32(j), m)
				for _, v := range r.placed(at+int32(j), m) {
					want(r.Index.Find(m.Key, v))
				}
			}
		}
	}
	r.indexVersions()
}

func (r *IR) wantReads(op int32, want func(int32)) {
	mops, at := r.Mops(op)
	for j := range mops {
		if m := &mops[j]; m.Func == history.Read || m.Func == history.CAS {
			want(r.From[at+int32(j)])
		}
	}
}

// listOf is the longest list of key k.
func (r *IR) listOf(k int32) []history.Value {
	op := r.LongestOp[k]
	mops, at := r.Mops(op)
	return r.placed(r.longest[k], &mops[r.longest[k]-at])
}

// placed is the list that micro-operation m with number mop read, as far as it
// says in which order its elements were appended.
func (r *IR) placed(mop int32, m *history.Mop) []history.Value {
	list := r.H.List(m)
	if r.Blind {
		list = list[:r.From[mop]]
	}
	return list
}

// places is the length of placed.
func (r *IR) places(mop int32, m *history.Mop) int32 {
	if !r.Blind {
		return int32(len(r.H.List(m)))
	}
	return r.From[mop]
}

func (r *IR) eachOddElement(mop int32, f func(int32)) {
	// The operation of a micro-operation is found by bisection: odd lists are
	// rare.
	lo, hi := 0, len(r.H.Ops)
	for lo+1 < hi {
		mid := (lo + hi) / 2
		if r.mopOff[mid] <= mop {
			lo = mid
		} else {
			hi = mid
		}
	}
	if r.Node[lo] < 0 {
		return // an indeterminate transaction that does not count
	}
	mops, at := r.Mops(int32(lo))
	m := &mops[mop-at]
	for _, v := range r.placed(mop, m) {
		f(r.Index.Find(m.Key, v))
	}
}
