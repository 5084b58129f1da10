package txn

import "slices"

// kind is the reason of an edge, a bit each.
type kind uint8

const (
	kindWW kind = 1 << iota
	kindWR
	kindRW
	// kindRWP is an rw edge from a read by predicate.
	kindRWP
	kindSO
	kindRT
	// kindCO is a ww edge that was not seen but follows: from a read before a
	// write in one transaction, or from a level's visibility.
	kindCO
	// kindEps leads on inside an auxiliary node: it takes the kind of the edge
	// by which the auxiliary node was entered.
	kindEps
)

const (
	kindAnyRW = kindRW | kindRWP
	kindAll   = kindWW | kindWR | kindRW | kindRWP | kindSO | kindRT | kindCO
)

var kindNames = map[kind]string{kindWW: "ww", kindWR: "wr", kindRW: "rw", kindRWP: "rw", kindSO: "so", kindRT: "rt", kindCO: "ww"}

// graph is a directed graph in compressed rows. Nodes from 0 to real-1 are
// transactions, the others auxiliary.
type graph struct {
	real int
	off  []int32
	to   []int32
	kind []kind
}

func (g *graph) nodes() int { return len(g.off) - 1 }

// edges are the targets of v with their kinds.
func (g *graph) edges(v int32) ([]int32, []kind) {
	a, b := g.off[v], g.off[v+1]
	return g.to[a:b:b], g.kind[a:b:b]
}

// emitter generates edges in a fixed order, twice: to be counted and to be put
// in their places.
type emitter func(edge func(from, to int32, k kind)) error

// makeGraph builds a graph of nodes nodes. Memory is taken from the budget.
func makeGraph(gd *guard, real, nodes int, emit emitter) (*graph, error) {
	if err := gd.reserve(int64(nodes+1) * 8); err != nil {
		return nil, err
	}
	off := make([]int32, nodes+2)
	if err := emit(func(from, _ int32, _ kind) { off[from+2]++ }); err != nil {
		return nil, err
	}
	total := int64(0)
	for v := 2; v < len(off); v++ {
		total += int64(off[v])
		if total > 1<<31-1 {
			return nil, errMemory
		}
		off[v] += off[v-1]
	}
	if err := gd.reserve(total * 5); err != nil {
		return nil, err
	}
	g := &graph{real: real, to: make([]int32, total), kind: make([]kind, total)}
	// off[from+1] is where the next edge of from goes; at the end it is where
	// the next node's begin.
	err := emit(func(from, to int32, k kind) {
		at := off[from+1]
		off[from+1]++
		g.to[at], g.kind[at] = to, k
	})
	g.off = off[:nodes+1]
	return g, err
}

// subgraph is the part of g that the nodes in keep span, in their order, which
// must be ascending. The inverse is keep itself.
func (g *graph) subgraph(gd *guard, keep []int32) (*graph, error) {
	real := 0
	for i, v := range keep {
		if int(v) < g.real {
			real = i + 1
		}
	}
	// The new number of a node, -1 if it has none. A small part of a large graph
	// is searched, so that it costs nothing for the rest.
	number := func(v int32) int32 {
		if i, ok := slices.BinarySearch(keep, v); ok {
			return int32(i)
		}
		return -1
	}
	if nodes := g.nodes(); len(keep) > nodes/64 {
		if err := gd.reserve(int64(nodes) * 4); err != nil {
			return nil, err
		}
		defer gd.release(int64(nodes) * 4)
		table := make([]int32, nodes)
		for i, v := range keep {
			table[v] = int32(i) + 1
		}
		number = func(v int32) int32 { return table[v] - 1 }
	}
	return makeGraph(gd, real, len(keep), func(edge func(from, to int32, k kind)) error {
		for i, v := range keep {
			if err := gd.tick(); err != nil {
				return err
			}
			to, kinds := g.edges(v)
			for j, w := range to {
				if n := number(w); n >= 0 {
					edge(int32(i), n, kinds[j])
				}
			}
		}
		return nil
	})
}
