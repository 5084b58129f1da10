package txn

import (
	"math"

	"github.com/lapse-test/lapse/history"
)

// unobserved is the place of a version that nobody read: after all others.
const unobserved = math.MaxInt32

// placeOf is the place of list version w for comparisons: unobserved ones come
// last, and those without a place are never newer than anything.
func (r *ir) placeOf(w int32) int32 {
	if p := r.verPos[w]; p != unseen {
		return p
	}
	return unobserved
}

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
func (r *ir) indexWriters() *writerIndex {
	x := &writerIndex{}
	off := make([]int32, r.keys+2)
	for w := range r.writes {
		if wr := &r.writes[w]; wr.final && r.node[wr.op] >= 0 {
			off[wr.key+2]++
		}
	}
	for k := 2; k < len(off); k++ {
		off[k] += off[k-1]
	}
	x.all = make([]keyWriter, off[len(off)-1])
	for c := range int32(r.chains) {
		for at, v := range r.chainSeq[r.chainOff[c]:r.chainOff[c+1]] {
			op := r.op[v]
			for w := r.writeOff[op]; w < r.writeOff[op+1]; w++ {
				wr := &r.writes[w]
				if !wr.final {
					continue
				}
				pos := int32(0)
				if r.lists[wr.key] {
					pos = r.placeOf(w)
				}
				x.all[off[wr.key+1]] = keyWriter{v, c, int32(at), pos}
				off[wr.key+1]++
			}
		}
	}
	x.groupOff = make([]int32, r.keys+1)
	for k := range r.keys {
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

func (r *ir) indexReads() *readIndex {
	x := &readIndex{off: make([]int32, r.keys+2)}
	for v := range int32(r.n) {
		for _, e := range r.externals(v) {
			x.off[e.key+2]++
		}
	}
	for k := 2; k < len(x.off); k++ {
		x.off[k] += x.off[k-1]
	}
	x.all = make([]keyRead, x.off[len(x.off)-1])
	for v := range int32(r.n) {
		for _, e := range r.externals(v) {
			x.all[x.off[e.key+1]] = keyRead{v, e.source, e.pos}
			x.off[e.key+1]++
		}
	}
	x.off = x.off[:r.keys+1]
	return x
}

// external is a read that tells something of another transaction.
type external struct {
	key int32
	// source is the node whose version was read, -1 for the initial version.
	source int32
	// pos is the place of that version in a list's order, -1 for the initial
	// one; 0 in registers.
	pos int32
}

// externals are the external reads of node v in their order.
func (r *ir) externals(v int32) []external { return r.ext[r.extOff[v]:r.extOff[v+1]] }

// collectExternals fills in what externals returns.
func (r *ir) collectExternals() {
	r.extOff = make([]int32, r.n+1)
	reads := 0
	for _, op := range r.op {
		mops, _ := r.mops(op)
		for j := range mops {
			if !mops[j].Func.Writes() || mops[j].Func == history.CAS {
				reads++
			}
		}
	}
	r.ext = make([]external, 0, reads)
	for v := range int32(r.n) {
		r.ext = r.appendExternals(v, r.ext)
		r.extOff[v+1] = int32(len(r.ext))
	}
}

func (r *ir) appendExternals(v int32, buf []external) []external {
	mops, at := r.mops(r.op[v])
	for j := range mops {
		m := &mops[j]
		from := r.from[at+int32(j)]
		switch m.Func {
		case history.Read, history.CAS:
			if from == fromInit {
				buf = append(buf, external{int32(m.Key), -1, -1})
			} else if from >= 0 {
				if u := r.node[r.writes[from].op]; u >= 0 {
					buf = append(buf, external{int32(m.Key), u, 0})
				}
			}
		case history.ReadList:
			if m.Flags&history.Observed == 0 || r.odd[at+int32(j)] {
				continue
			}
			if from == 0 {
				buf = append(buf, external{int32(m.Key), -1, -1})
				continue
			}
			if w := r.versionBefore(m.Key, from); w >= 0 {
				if u := r.node[r.writes[w].op]; u >= 0 && u != v {
					buf = append(buf, external{int32(m.Key), u, from - 1})
				}
			}
		}
	}
	return buf
}
