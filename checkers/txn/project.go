package txn

import "unsafe"

// projectionSize is what project allocates for n transactions, of whose reads
// there are as many as usual.
func (r *ir) projectionSize(n int) int64 {
	reads := int64(len(r.ext)) * int64(n) / int64(max(1, r.n))
	return int64(len(r.node)+r.n+r.chains)*4 + int64(n)*32 + reads*int64(unsafe.Sizeof(external{}))*2
}

// project is the part of r that the transactions in keep, ascending, make up.
// Relations between them stay as they are; what others wrote keeps its place in
// the version orders but has no node. It serves histories of lists, whose places
// say everything about versions, and whose anomalies lie on cycles.
func (r *ir) project(keep []int32) *ir {
	p := *r
	p.n = len(keep)
	p.node = make([]int32, len(r.node))
	for i := range p.node {
		p.node[i] = -1
	}
	p.op = make([]int32, p.n)
	number := make([]int32, r.n)
	for i := range number {
		number[i] = -1
	}
	for i, v := range keep {
		number[v] = int32(i)
		p.op[i] = r.op[v]
		p.node[r.op[v]] = int32(i)
	}
	p.soPrev = make([]int32, p.n)
	p.chain, p.chainAt = make([]int32, p.n), make([]int32, p.n)
	dense := make([]int32, r.chains) // the new number of a chain plus one
	p.chainOff = []int32{0}
	p.chainSeq = make([]int32, 0, p.n)
	// Chains stay chains: a part of an order is an order.
	var members [][]int32
	for i, v := range keep {
		p.soPrev[i] = -1
		if u := r.soPrev[v]; u >= 0 {
			p.soPrev[i] = number[u]
		}
		c := dense[r.chain[v]] - 1
		if c < 0 {
			members = append(members, nil)
			c = int32(len(members)) - 1
			dense[r.chain[v]] = c + 1
		}
		p.chain[i] = c
		p.chainAt[i] = int32(len(members[c]))
		members[c] = append(members[c], int32(i))
	}
	p.chains = len(members)
	for _, m := range members {
		p.chainSeq = append(p.chainSeq, m...)
		p.chainOff = append(p.chainOff, int32(len(p.chainSeq)))
	}
	p.ext = nil
	p.extOff = make([]int32, p.n+1)
	for i, v := range keep {
		for _, e := range r.externals(v) {
			if e.source >= 0 {
				if e.source = number[e.source]; e.source < 0 {
					e.source = elsewhere
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
