package weak

import (
	"sync"

	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
	"github.com/lapse-test/lapse/checkers/txn/internal/ir"
)

// blockChains is the number of chains that one pass over the graph follows: 16 places of
// four bytes are one cache line a node.
const blockChains = 16

type clock [blockChains]int32

// past forces, for every read, the last writer of the key in each chain of the
// reader's past by the edges in mask before what was read. The past is a vector
// of places, one a chain; chains are taken sixteen at a time, so that memory
// stays at 64 bytes a node whatever the number of sessions.
func (w *Axiom) past(mask graph.Kind) error {
	size := int64(w.lean.Nodes()) * blockChains * 4
	if err := w.Guard.Reserve(size); err != nil {
		return err
	}
	defer w.Guard.Release(size)
	vc := make([]clock, w.lean.Nodes())
	for c := int32(0); c < int32(w.Chains); c += blockChains {
		if err := w.clocks(vc, c, mask); err != nil {
			return err
		}
		if err := w.pastBlock(vc, c); err != nil {
			return err
		}
	}
	return nil
}

// clocks fills vc with what precedes each node in the chains from c.
func (w *Axiom) clocks(vc []clock, c int32, mask graph.Kind) error {
	for v := range vc {
		for i := range vc[v] {
			vc[v][i] = -1
		}
	}
	mask |= graph.KindEps
	for _, v := range w.order {
		if err := w.Guard.Tick(); err != nil {
			return err
		}
		out := vc[v]
		if int(v) < w.N {
			if own := w.Chain[v] - c; own >= 0 && own < blockChains {
				out[own] = max(out[own], w.ChainAt[v])
			}
		}
		to, kinds := w.lean.Edges(v)
		for j, u := range to {
			if kinds[j]&mask == 0 {
				continue
			}
			t := &vc[u]
			for i, at := range out {
				if at > t[i] {
					t[i] = at
				}
			}
		}
	}
	return nil
}

// pastBlock derives the forced order for the chains from c, on two goroutines,
// the second half behind the first so that the result does not depend on them.
func (w *Axiom) pastBlock(vc []clock, c int32) error {
	keys := int32(w.Keys)
	if w.N < 1<<13 {
		return w.pastKeys(vc, c, 0, keys)
	}
	// Half of the reads each, not half of the keys.
	half := int32(0)
	for half < keys && int(w.reads.off[half]) < len(w.reads.all)/2 {
		half++
	}
	second := *w
	second.Guard = w.Guard.Fork()
	second.Forced, second.Stale, second.Broken = nil, nil, 0
	var err2 error
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		err2 = second.pastKeys(vc, c, half, keys)
	}()
	err := w.pastKeys(vc, c, 0, half)
	wg.Wait()
	w.Forced = append(w.Forced, second.Forced...)
	w.Stale = append(w.Stale, second.Stale...)
	w.Broken += second.Broken
	if err != nil {
		return err
	}
	return err2
}

func (w *Axiom) pastKeys(vc []clock, c, from, to int32) error {
	x := w.writers
	for k := from; k < to; k++ {
		groups := x.groups[x.groupOff[k]:x.groupOff[k+1]]
		// Groups are sorted by chain: find those of this block.
		lo, hi := chainRange(groups, c)
		groups = groups[lo:hi]
		if len(groups) == 0 {
			continue
		}
		for _, r := range w.reads.all[w.reads.off[k]:w.reads.off[k+1]] {
			if err := w.Guard.Tick(); err != nil {
				return err
			}
			w.pastRead(vc, c, k, r, groups)
		}
	}
	return nil
}

// chainRange are the groups of the block of chains from c.
func chainRange(groups []writerGroup, c int32) (lo, hi int) {
	find := func(c int32) int {
		lo, hi := 0, len(groups)
		for lo < hi {
			mid := (lo + hi) / 2
			if groups[mid].chain < c {
				lo = mid + 1
			} else {
				hi = mid
			}
		}
		return lo
	}
	return find(c), find(c + blockChains)
}

func (w *Axiom) pastRead(vc []clock, c, k int32, r keyRead, groups []writerGroup) {
	mine := &vc[r.reader]
	// What precedes the writer of the value anyway says nothing new. In lists
	// places tell.
	before := &nothing
	if r.source >= 0 && !w.Lists[k] {
		before = &vc[r.source]
	}
	for i := range groups {
		g := &groups[i]
		at := mine[g.chain-c]
		if at < g.firstAt || before[g.chain-c] >= at || before[g.chain-c] >= g.lastAt {
			continue
		}
		ws := w.writers.all[g.from:g.to]
		u := &ws[len(ws)-1]
		if at < g.lastAt {
			u = &ws[lastUpTo(ws, at)]
		}
		if before[g.chain-c] < u.at {
			w.force(u.node, u.pos, r.reader, ir.External{Key: k, Source: r.source, Pos: r.pos})
		}
	}
}

// nothing precedes the initial versions.
var nothing = func() (c clock) {
	for i := range c {
		c[i] = -1
	}
	return c
}()
