package weak

import (
	"github.com/lapse-test/lapse/checkers/txn/internal/ir"
)

// keyWriter is a committed transaction that wrote a key.
type keyWriter struct {
	node  int32
	chain int32
	at    int32 // its place in the chain
	pos   int32 // of lists: the place of its last element, or unobserved
}

// writerIndex lists the writers of each key by chain, and in the order of the
// chain: groups of one chain each.
type writerIndex struct {
	all      []keyWriter
	groupOff []int32
	groups   []writerGroup
}

// writerGroup are the writers of one key in one chain: all[from:to], the first
// and last of which have the places firstAt and lastAt.
type writerGroup struct {
	chain, from, to, firstAt, lastAt int32
}

// lastUpTo is the last of ws, which are of one chain, with a place of at most
// at; -1 if there is none.
func lastUpTo(ws []keyWriter, at int32) int {
	lo, hi := 0, len(ws)
	for lo < hi {
		mid := (lo + hi) / 2
		if ws[mid].at <= at {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo - 1
}

// indexWriters builds the index.
func indexWriters(r *ir.IR) *writerIndex {
	x := &writerIndex{}
	off := make([]int32, r.Keys+2)
	for w := range r.Writes {
		if wr := &r.Writes[w]; wr.Final && r.Node[wr.Op] >= 0 {
			off[wr.Key+2]++
		}
	}
	for k := 2; k < len(off); k++ {
		off[k] += off[k-1]
	}
	x.all = make([]keyWriter, off[len(off)-1])
	for c := range int32(r.Chains) {
		for at, v := range r.ChainSeq[r.ChainOff[c]:r.ChainOff[c+1]] {
			op := r.Op[v]
			for w := r.WriteOff[op]; w < r.WriteOff[op+1]; w++ {
				wr := &r.Writes[w]
				if !wr.Final {
					continue
				}
				pos := int32(0)
				if r.Lists[wr.Key] {
					pos = r.PlaceOf(w)
				}
				x.all[off[wr.Key+1]] = keyWriter{v, c, int32(at), pos}
				off[wr.Key+1]++
			}
		}
	}
	x.groupOff = make([]int32, r.Keys+1)
	for k := range r.Keys {
		for i := off[k]; i < off[k+1]; {
			g := writerGroup{chain: x.all[i].chain, from: i, firstAt: x.all[i].at}
			for i++; i < off[k+1] && x.all[i].chain == g.chain; i++ {
			}
			g.to, g.lastAt = i, x.all[i-1].at
			x.groups = append(x.groups, g)
		}
		x.groupOff[k+1] = int32(len(x.groups))
	}
	return x
}

// keyRead is an external read of a key.
type keyRead struct {
	reader, source, pos int32
}

// readIndex lists the external reads of each key.
type readIndex struct {
	off []int32
	all []keyRead
}

func indexReads(r *ir.IR) *readIndex {
	x := &readIndex{off: make([]int32, r.Keys+2)}
	for v := range int32(r.N) {
		for _, e := range r.Externals(v) {
			x.off[e.Key+2]++
		}
	}
	for k := 2; k < len(x.off); k++ {
		x.off[k] += x.off[k-1]
	}
	x.all = make([]keyRead, x.off[len(x.off)-1])
	for v := range int32(r.N) {
		for _, e := range r.Externals(v) {
			x.all[x.off[e.Key+1]] = keyRead{v, e.Source, e.Pos}
			x.off[e.Key+1]++
		}
	}
	x.off = x.off[:r.Keys+1]
	return x
}
