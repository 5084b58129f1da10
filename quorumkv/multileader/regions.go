package multileader

import (
	"fmt"
	"slices"
)

// Region is a part of the nodes with a leader of its own.
type Region struct {
	Name  string
	Nodes []string // sorted; the first is the leader
}

// Regions parts the nodes, sorted by name, into n regions of neighbours that differ in size by at most one, the larger ones first.
func Regions(nodes []string, n int) []Region {
	nodes = slices.Sorted(slices.Values(nodes))
	var out []Region
	for i := range n {
		size := len(nodes) / (n - i)
		if len(nodes)%(n-i) > 0 {
			size++
		}
		out = append(out, Region{fmt.Sprintf("region%d", i+1), nodes[:size:size]})
		nodes = nodes[size:]
	}
	return out
}
