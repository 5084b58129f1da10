package graph

import (
	"math/bits"

	"github.com/lapse-test/lapse/checkers/txn/internal/guard"
)

// SingleRW finds a cycle of exactly one rw edge and otherwise edges in d, which
// alone have no cycle in g; nil if there is none. It sends 64 rw edges at a time
// through the graph in topological order, a bit each.
func SingleRW(gd *guard.Guard, g *Graph, d Kind) ([]Edge, error) {
	d |= KindEps
	only, err := g.Restrict(gd, d)
	if err != nil {
		return nil, err
	}
	size := int64(g.Nodes())*16 + int64(len(g.To))*12
	if err := gd.Reserve(size); err != nil {
		return nil, err
	}
	defer gd.Release(size)
	order, _ := Topological(only)
	var from, to []int32
	var kinds []Kind
	for v := range int32(g.real) {
		ts, ks := g.Edges(v)
		for j, u := range ts {
			if ks[j]&KindAnyRW != 0 {
				from, to, kinds = append(from, v), append(to, u), append(kinds, ks[j])
			}
		}
	}
	mask := make([]uint64, g.Nodes())
	for b := 0; b < len(from); b += 64 {
		clear(mask)
		n := min(64, len(from)-b)
		for i := range n {
			mask[to[b+i]] |= 1 << i
		}
		for _, v := range order {
			if err := gd.Tick(); err != nil {
				return nil, err
			}
			if mask[v] == 0 {
				continue
			}
			ts, _ := only.Edges(v)
			for _, u := range ts {
				mask[u] |= mask[v]
			}
		}
		var best []Edge
		hits := uint64(0)
		for i := range n {
			if mask[from[b+i]]&(1<<i) != 0 {
				hits |= 1 << i
			}
		}
		for ; hits != 0; hits &= hits - 1 {
			i := bits.TrailingZeros64(hits)
			p, err := ShortestPath(gd, only, to[b+i], from[b+i])
			if err != nil {
				return nil, err
			}
			c := closeWithRW(g, from[b+i], kinds[b+i], p)
			if best == nil || len(c) < len(best) {
				best = c
			}
		}
		if best != nil {
			return best, nil
		}
	}
	return nil, nil
}

// closeWithRW puts the rw edge before the path p of hops; the edge may lead
// into an auxiliary node, where the path then begins.
func closeWithRW(g *Graph, from int32, k Kind, p []hop) []Edge {
	hops := append([]hop{{node: from}, {node: p[0].node, kind: k}}, p[1:]...)
	return Contract(g, hops)
}

// hop is a step of a path to node by an edge of kind; the first has none.
type hop struct {
	node int32
	kind Kind
}

// Contract leaves out auxiliary nodes: an edge keeps the kind by which it left
// a transaction.
func Contract(g *Graph, hops []hop) []Edge {
	var out []Edge
	from, k := hops[0].node, Kind(0)
	for _, h := range hops[1:] {
		if k == 0 {
			k = h.kind
		}
		if int(h.node) < g.real {
			out = append(out, Edge{from, h.node, k})
			from, k = h.node, 0
		}
	}
	return out
}

// ShortestPath goes from from to to, with as few transactions as can be.
func ShortestPath(gd *guard.Guard, g *Graph, from, to int32) ([]hop, error) {
	size := int64(g.Nodes()) * 13
	if err := gd.Reserve(size); err != nil {
		return nil, err
	}
	defer gd.Release(size)
	dist := make([]int32, g.Nodes())
	prev := make([]int32, g.Nodes())
	via := make([]Kind, g.Nodes())
	for i := range dist {
		dist[i] = -1
	}
	dist[from] = 0
	cur, next := []int32{from}, []int32(nil)
	for d := int32(0); len(cur) > 0 && dist[to] != d; d++ {
		for i := 0; i < len(cur); i++ {
			v := cur[i]
			if dist[v] != d {
				continue
			}
			if err := gd.Tick(); err != nil {
				return nil, err
			}
			ts, ks := g.Edges(v)
			for j, u := range ts {
				cost := int32(0)
				if int(u) < g.real {
					cost = 1
				}
				if dist[u] >= 0 && dist[u] <= d+cost {
					continue
				}
				dist[u], prev[u], via[u] = d+cost, v, ks[j]
				if cost == 0 {
					cur = append(cur, u)
				} else {
					next = append(next, u)
				}
			}
		}
		cur, next = next, cur[:0]
	}
	if dist[to] < 0 {
		return nil, nil
	}
	var hops []hop
	for v := to; v != from; v = prev[v] {
		hops = append(hops, hop{v, via[v]})
	}
	hops = append(hops, hop{node: from})
	for i, j := 0, len(hops)-1; i < j; i, j = i+1, j-1 {
		hops[i], hops[j] = hops[j], hops[i]
	}
	return hops, nil
}

// Restrict is g with only the edges in mask.
func (g *Graph) Restrict(gd *guard.Guard, mask Kind) (*Graph, error) {
	return Make(gd, g.real, g.Nodes(), func(edge func(from, to int32, k Kind)) error {
		for v := range int32(g.Nodes()) {
			ts, ks := g.Edges(v)
			for j, u := range ts {
				if ks[j]&mask != 0 {
					edge(v, u, ks[j])
				}
			}
		}
		return nil
	})
}

// Topological orders the nodes of g; ok is false if there is a cycle.
func Topological(g *Graph) (order []int32, ok bool) {
	n := g.Nodes()
	in := make([]int32, n)
	for _, w := range g.To {
		in[w]++
	}
	order = make([]int32, 0, n)
	for v := range int32(n) {
		if in[v] == 0 {
			order = append(order, v)
		}
	}
	for i := 0; i < len(order); i++ {
		to, _ := g.Edges(order[i])
		for _, w := range to {
			if in[w]--; in[w] == 0 {
				order = append(order, w)
			}
		}
	}
	return order, len(order) == n
}
