package ir

import "unsafe"

// ProjectionSize returns the bytes that Project allocates for n transactions, of whose reads
// there are as many as usual.
func (r *IR) ProjectionSize(n int) int64 {
	reads := int64(len(r.ext)) * int64(n) / int64(max(1, r.N))
	return int64(len(r.Node)+r.N+r.Chains)*4 + int64(n)*32 + reads*int64(unsafe.Sizeof(External{}))*2
}

// Project is the part of r that the transactions in keep, ascending, make up.
// Relations between them stay as they are; what others wrote keeps its place in
// the version orders but has no node. It serves histories of lists, whose places
// say everything about versions, and whose anomalies lie on cycles.
func (r *IR) Project(keep []int32) *IR {
	p := *r
	p.N = len(keep)
	p.Node = make([]int32, len(r.Node))
	for i := range p.Node {
		p.Node[i] = -1
	}
	p.Op = make([]int32, p.N)
	number := make([]int32, r.N)
	for i := range number {
		number[i] = -1
	}
	for i, v := range keep {
		number[v] = int32(i)
		p.Op[i] = r.Op[v]
		p.Node[r.Op[v]] = int32(i)
	}
	p.SoPrev = make([]int32, p.N)
	p.Chain, p.ChainAt = make([]int32, p.N), make([]int32, p.N)
	dense := make([]int32, r.Chains) // the new number of a chain plus one
	p.ChainOff = []int32{0}
	p.ChainSeq = make([]int32, 0, p.N)
	// Chains stay chains: a part of an order is an order.
	var members [][]int32
	for i, v := range keep {
		p.SoPrev[i] = -1
		if u := r.SoPrev[v]; u >= 0 {
			p.SoPrev[i] = number[u]
		}
		c := dense[r.Chain[v]] - 1
		if c < 0 {
			members = append(members, nil)
			c = int32(len(members)) - 1
			dense[r.Chain[v]] = c + 1
		}
		p.Chain[i] = c
		p.ChainAt[i] = int32(len(members[c]))
		members[c] = append(members[c], int32(i))
	}
	p.Chains = len(members)
	for _, m := range members {
		p.ChainSeq = append(p.ChainSeq, m...)
		p.ChainOff = append(p.ChainOff, int32(len(p.ChainSeq)))
	}
	p.ext = nil
	p.extOff = make([]int32, p.N+1)
	for i, v := range keep {
		for _, e := range r.Externals(v) {
			if e.Source >= 0 {
				if e.Source = number[e.Source]; e.Source < 0 {
					e.Source = elsewhere
				}
			}
			p.ext = append(p.ext, e)
		}
		p.extOff[i+1] = int32(len(p.ext))
	}
	return &p
}

// elsewhere is the source of a read that saw a version of a transaction outside
// a projection.
const elsewhere = -2
