package txn

import "math/bits"

// singleRW finds a cycle of exactly one rw edge and otherwise edges in d, which
// alone have no cycle in g; nil if there is none. It sends 64 rw edges at a time
// through the graph in topological order, a bit each.
func singleRW(gd *guard, g *graph, d kind) ([]edge, error) {
	d |= kindEps
	only, err := g.restrict(gd, d)
	if err != nil {
		return nil, err
	}
	size := int64(g.nodes())*16 + int64(len(g.to))*12
	if err := gd.reserve(size); err != nil {
		return nil, err
	}
	defer gd.release(size)
	order, _ := topological(only)
	var from, to []int32
	var kinds []kind
	for v := range int32(g.real) {
		ts, ks := g.edges(v)
		for j, u := range ts {
			if ks[j]&kindAnyRW != 0 {
				from, to, kinds = append(from, v), append(to, u), append(kinds, ks[j])
			}
		}
	}
	mask := make([]uint64, g.nodes())
	for b := 0; b < len(from); b += 64 {
		clear(mask)
		n := min(64, len(from)-b)
		for i := range n {
			mask[to[b+i]] |= 1 << i
		}
		for _, v := range order {
			if err := gd.tick(); err != nil {
				return nil, err
			}
			if mask[v] == 0 {
				continue
			}
			ts, _ := only.edges(v)
			for _, u := range ts {
				mask[u] |= mask[v]
			}
		}
		var best []edge
		hits := uint64(0)
		for i := range n {
			if mask[from[b+i]]&(1<<i) != 0 {
				hits |= 1 << i
			}
		}
		for ; hits != 0; hits &= hits - 1 {
			i := bits.TrailingZeros64(hits)
			p, err := shortestPath(gd, only, to[b+i], from[b+i])
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
func closeWithRW(g *graph, from int32, k kind, p []hop) []edge {
	hops := append([]hop{{node: from}, {node: p[0].node, kind: k}}, p[1:]...)
	return contract(g, hops)
}

// hop is a step of a path to node by an edge of kind; the first has none.
type hop struct {
	node int32
	kind kind
}

// contract leaves out auxiliary nodes: an edge keeps the kind by which it left
// a transaction.
func contract(g *graph, hops []hop) []edge {
	var out []edge
	from, k := hops[0].node, kind(0)
	for _, h := range hops[1:] {
		if k == 0 {
			k = h.kind
		}
		if int(h.node) < g.real {
			out = append(out, edge{from, h.node, k})
			from, k = h.node, 0
		}
	}
	return out
}

// shortestPath goes from from to to, with as few transactions as can be.
func shortestPath(gd *guard, g *graph, from, to int32) ([]hop, error) {
	size := int64(g.nodes()) * 13
	if err := gd.reserve(size); err != nil {
		return nil, err
	}
	defer gd.release(size)
	dist := make([]int32, g.nodes())
	prev := make([]int32, g.nodes())
	via := make([]kind, g.nodes())
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
			if err := gd.tick(); err != nil {
				return nil, err
			}
			ts, ks := g.edges(v)
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

// restrict is g with only the edges in mask.
func (g *graph) restrict(gd *guard, mask kind) (*graph, error) {
	return makeGraph(gd, g.real, g.nodes(), func(edge func(from, to int32, k kind)) error {
		for v := range int32(g.nodes()) {
			ts, ks := g.edges(v)
			for j, u := range ts {
				if ks[j]&mask != 0 {
					edge(v, u, ks[j])
				}
			}
		}
		return nil
	})
}
