package graph

import (
	"slices"

	"github.com/lapse-test/lapse/checkers/txn/internal/guard"
)

// Kind is the reason of an edge, a bit each.
type Kind uint8

// The kinds: write after write, read of a write, write after read, the order of
// sessions and of real time.
const (
	KindWW Kind = 1 << iota
	KindWR
	KindRW
	// KindRWP is an rw edge from a read by predicate.
	KindRWP
	KindSO
	KindRT
	// KindCO is a ww edge that was not seen but follows: from a read before a
	// write in one transaction, or from a level's visibility.
	KindCO
	// KindEps leads on inside an auxiliary node: it takes the kind of the edge
	// by which the auxiliary node was entered.
	KindEps
)

// Kinds together.
const (
	KindAnyRW   = KindRW | KindRWP
	KindVersion = KindWW | KindCO
	KindAll     = KindWW | KindWR | KindRW | KindRWP | KindSO | KindRT | KindCO
)

// KindNames are the kinds as people read them. Not to be changed.
var KindNames = map[Kind]string{KindWW: "ww", KindWR: "wr", KindRW: "rw", KindRWP: "rw", KindSO: "so", KindRT: "rt", KindCO: "ww"}

// Graph is a directed graph in compressed rows. Nodes from 0 to real-1 are
// transactions, the others auxiliary.
type Graph struct {
	real int
	off  []int32
	To   []int32
	kind []Kind
}

// Nodes returns the number of nodes, auxiliary ones included.
func (g *Graph) Nodes() int { return len(g.off) - 1 }

// Edges are the targets of v with their kinds.
func (g *Graph) Edges(v int32) ([]int32, []Kind) {
	a, b := g.off[v], g.off[v+1]
	return g.To[a:b:b], g.kind[a:b:b]
}

// emitter generates edges in a fixed order, twice: to be counted and to be put
// in their places.
type emitter func(edge func(from, to int32, k Kind)) error

// Make builds a graph of nodes nodes. Memory is taken from the budget.
func Make(gd *guard.Guard, real, nodes int, emit emitter) (*Graph, error) {
	if err := gd.Reserve(int64(nodes+1) * 8); err != nil {
		return nil, err
	}
	off := make([]int32, nodes+2)
	if err := emit(func(from, _ int32, _ Kind) { off[from+2]++ }); err != nil {
		return nil, err
	}
	total := int64(0)
	for v := 2; v < len(off); v++ {
		total += int64(off[v])
		if total > 1<<31-1 {
			return nil, guard.ErrMemory
		}
		off[v] += off[v-1]
	}
	if err := gd.Reserve(total * 5); err != nil {
		return nil, err
	}
	g := &Graph{real: real, To: make([]int32, total), kind: make([]Kind, total)}
	// off[from+1] is where the next edge of from goes; at the end it is where
	// the next node's begin.
	err := emit(func(from, to int32, k Kind) {
		at := off[from+1]
		off[from+1]++
		g.To[at], g.kind[at] = to, k
	})
	g.off = off[:nodes+1]
	return g, err
}

// Subgraph is the part of g that the nodes in keep span, in their order, which
// must be ascending. The inverse is keep itself.
func (g *Graph) Subgraph(gd *guard.Guard, keep []int32) (*Graph, error) {
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
	if nodes := g.Nodes(); len(keep) > nodes/64 {
		if err := gd.Reserve(int64(nodes) * 4); err != nil {
			return nil, err
		}
		defer gd.Release(int64(nodes) * 4)
		table := make([]int32, nodes)
		for i, v := range keep {
			table[v] = int32(i) + 1
		}
		number = func(v int32) int32 { return table[v] - 1 }
	}
	return Make(gd, real, len(keep), func(edge func(from, to int32, k Kind)) error {
		for i, v := range keep {
			if err := gd.Tick(); err != nil {
				return err
			}
			to, kinds := g.Edges(v)
			for j, w := range to {
				if n := number(w); n >= 0 {
					edge(int32(i), n, kinds[j])
				}
			}
		}
		return nil
	})
}
