package ir

import "github.com/lapse-test/lapse/history"

// number gives the committed transactions their node numbers and chains.
func (r *IR) number() {
	h := r.H
	for i := range h.Ops {
		if r.Node[i] < 0 {
			continue
		}
		r.Node[i] = int32(r.N)
		r.N++
	}
	r.Op = make([]int32, r.N)
	r.SoPrev = make([]int32, r.N)
	r.Chain = make([]int32, r.N)
	r.ChainAt = make([]int32, r.N)
	// tails are the last nodes of each session that have successors: one, unless
	// operations of a session overlap.
	tail := map[int32]int32{}
	var length []int32
	for i := range h.Ops {
		v := r.Node[i]
		if v < 0 {
			continue
		}
		r.Op[v] = int32(i)
		op := &h.Ops[i]
		prev, ok := tail[op.Session]
		if !ok {
			prev = -1
		}
		r.SoPrev[v] = -1
		if prev >= 0 && h.Ops[r.Op[prev]].Complete <= op.Invoke {
			r.SoPrev[v] = prev
		}
		if r.SoPrev[v] >= 0 && op.Outcome == history.OK {
			r.Chain[v] = r.Chain[prev]
		} else {
			r.Chain[v] = int32(len(length))
			length = append(length, 0)
		}
		r.ChainAt[v] = length[r.Chain[v]]
		length[r.Chain[v]]++
		if op.Outcome == history.OK && (prev < 0 || r.SoPrev[v] >= 0 || op.Complete < h.Ops[r.Op[prev]].Complete) {
			tail[op.Session] = v
		}
	}
	r.Chains = len(length)
	r.ChainOff = make([]int32, r.Chains+1)
	for c, n := range length {
		r.ChainOff[c+1] = r.ChainOff[c] + n
	}
	r.ChainSeq = make([]int32, r.N)
	for v := range int32(r.N) {
		r.ChainSeq[r.ChainOff[r.Chain[v]]+r.ChainAt[v]] = v
	}
}
