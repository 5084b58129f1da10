package causal

import (
	"slices"

	"github.com/lapse-test/lapse/checkers/internal/register"
)

// hop is one edge of a path: from comes before to, by kind. For a derived edge,
// number is its place in edges.list.
type hop struct {
	from, to int32
	kind     hopKind
	number   int32
}

type hopKind uint8

const (
	inSession hopKind = iota
	readsFrom
	derived
)

// finder looks for shortest paths in session order, reads-from and derived
// edges, for the few violations that are explained.
type finder struct {
	e     *engine
	from  func(o *register.FlatOp) bool
	extra *edges
	// plain tells that derived edges follow from the causal order alone.
	plain bool
	// certain are each session's operations without the late ones, by place.
	certain [][]int32
	prev    []hop
	seen    []bool
	covered []int32
	queue   []int32
}

func newFinder(e *engine, from func(*register.FlatOp) bool, extra *edges) *finder {
	p := &finder{e: e, from: from, extra: extra, certain: make([][]int32, e.f.Lanes()),
		prev: make([]hop, len(e.f.Ops)), seen: make([]bool, len(e.f.Ops)), covered: make([]int32, e.f.Lanes())}
	for l := range e.f.Lanes() {
		for _, i := range e.f.Lane(l) {
			if !e.f.Ops[i].Late {
				p.certain[l] = append(p.certain[l], i)
			}
		}
	}
	return p
}

// path is a shortest path from operation a to operation b, using only the first
// limit derived edges; nil if there is none. a and b may be the same: then it is
// a shortest cycle.
func (p *finder) path(a, b int32, limit int) []hop {
	f := p.e.f
	clear(p.seen)
	clear(p.covered)
	p.queue = append(p.queue[:0], b)
	found := false
	reach := func(x int32, h hop) {
		if !p.seen[x] && !found {
			p.seen[x] = true
			p.prev[x] = h
			p.queue = append(p.queue, x)
			found = x == a
		}
	}
	for q := 0; q < len(p.queue) && !found; q++ {
		x := p.queue[q]
		o := &f.Ops[x]
		if w := p.e.source(x); w >= 0 && p.from(o) {
			reach(w, hop{w, x, readsFrom, -1})
		}
		if p.extra != nil && p.extra.start != nil {
			for _, n := range p.extra.into(x) {
				if int(n) < limit {
					reach(p.extra.list[n].from, hop{p.extra.list[n].from, x, derived, n})
				}
			}
		}
		upTo := o.Place - 1
		if o.Late {
			upTo = o.Place
		}
		for p.covered[o.Lane] < upTo {
			// Backwards from the near end, so that paths prefer near operations.
			y := p.certain[o.Lane][p.covered[o.Lane]]
			p.covered[o.Lane]++
			reach(y, hop{y, x, inSession, -1})
		}
	}
	if !found {
		return nil
	}
	var out []hop
	for x := a; ; {
		h := p.prev[x]
		out = append(out, h)
		if x = h.to; x == b {
			return out
		}
	}
}

// justify is the path that puts the write that a derived edge comes from before
// the read that it is derived by.
func (p *finder) justify(n int32) []hop {
	x := p.extra.list[n]
	limit := int(n) // in a session's view, edges follow from earlier ones
	if p.plain {
		limit = 0
	}
	return p.path(x.from, x.by, limit)
}

// operations are those that hops name, with everything that justifies derived
// hops, ascending.
func (p *finder) operations(hops []hop) []int32 {
	var ops []int32
	done := map[int32]bool{}
	for len(hops) > 0 {
		h := hops[0]
		hops = hops[1:]
		ops = append(ops, h.from, h.to)
		if h.kind == derived && !done[h.number] {
			done[h.number] = true
			ops = append(ops, p.extra.list[h.number].by)
			hops = append(hops, p.justify(h.number)...)
		}
	}
	// What a read saw belongs to it. A compare-and-set may stand for its write
	// alone.
	for _, i := range slices.Clone(ops) {
		if w := p.e.source(i); w >= 0 && p.e.f.Ops[i].Kind == register.Read {
			ops = append(ops, w)
		}
	}
	slices.Sort(ops)
	return slices.Compact(ops)
}
