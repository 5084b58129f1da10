package placement

import (
	"errors"
	"fmt"
	"slices"
)

// maxNodes bounds the nodes of a placement, as package ring does.
const maxNodes = 1024

// cycle is all nodes in the order of their names: the replicas after the first are the next ones, around.
type cycle struct {
	nodes []string
	n     int
}

func newCycle(nodes []string, n int) (cycle, error) {
	sorted := slices.Clone(nodes)
	slices.Sort(sorted)
	switch {
	case len(sorted) == 0:
		return cycle{}, errors.New("replication: no nodes")
	case len(sorted) > maxNodes:
		return cycle{}, fmt.Errorf("replication: %d nodes, at most %d", len(sorted), maxNodes)
	case len(slices.Compact(slices.Clone(sorted))) != len(sorted):
		return cycle{}, fmt.Errorf("peers: a node is named twice in %v", sorted)
	case n < 1 || n > len(sorted):
		return cycle{}, fmt.Errorf("replication: %d replicas on %d nodes: must be between 1 and the number of nodes", n, len(sorted))
	}
	return cycle{nodes: sorted, n: n}, nil
}

func (c cycle) N() int          { return c.n }
func (c cycle) Nodes() []string { return c.nodes }

// from are count nodes from the one with this index on.
func (c cycle) from(first, count int) []string {
	out := make([]string, count)
	for i := range out {
		out[i] = c.nodes[(first+i)%len(c.nodes)]
	}
	return out
}
