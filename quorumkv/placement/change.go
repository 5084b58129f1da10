package placement

import (
	"slices"
	"strings"
)

// Change is what lies between two placements of some keys: what has to be copied before the second one holds what the first one does.
type Change struct {
	Keys    int // that were looked at
	Changed int // whose replicas are not the same set
	// Bereft are those of Changed that lose a majority of their replicas: what a majority acknowledged may be on none that stays.
	Bereft int
	Before int // replicas of the keys
	After  int
	Moved  int         // replicas that are on a node which did not hold the key: what has to be copied
	Nodes  []NodeShare // all nodes of both placements, in order of names
}

// NodeShare is one node's part of a Change, in replicas of keys.
type NodeShare struct {
	Node          string
	Before, After int // held
	Takes, Gives  int // held only after, held only before: After is Before + Takes - Gives
}

// Compare finds what a change from one placement to another moves. Every key counts as often as it is given.
func Compare(before, after Placement, keys []string) Change {
	c := Change{Keys: len(keys)}
	shares := map[string]*NodeShare{}
	for _, p := range []Placement{before, after} {
		for _, node := range p.Nodes() {
			shares[node] = &NodeShare{Node: node}
		}
	}
	for _, key := range keys {
		had, has := before.Replicas(key), after.Replicas(key)
		c.Before, c.After = c.Before+len(had), c.After+len(has)
		taken, given := 0, 0
		for _, node := range had {
			shares[node].Before++
			if !slices.Contains(has, node) {
				shares[node].Gives++
				given++
			}
		}
		for _, node := range has {
			shares[node].After++
			if !slices.Contains(had, node) {
				shares[node].Takes++
				taken++
			}
		}
		c.Moved += taken
		if taken+given > 0 {
			c.Changed++
		}
		if given > len(had)/2 {
			c.Bereft++
		}
	}
	for _, s := range shares {
		c.Nodes = append(c.Nodes, *s)
	}
	slices.SortFunc(c.Nodes, func(a, b NodeShare) int { return strings.Compare(a.Node, b.Node) })
	return c
}

// LeastMoved is the share, between 0 and 1, of the replicas after a change that has to be copied if all nodes hold the same number of them
// before and after: what the nodes that join have to be given, or what those that leave had, whichever is more. Before and after
// are numbers of nodes, of which joined and left are not in both; a placement that is less even may move less.
func LeastMoved(before, after, joined, left int) float64 {
	if before < 1 || after < 1 {
		return 0
	}
	return max(float64(joined)/float64(after), float64(left)/float64(before))
}
