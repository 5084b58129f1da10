package cassandra

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// topology says in which data centre each node is. Every node has a rack of its own, so that the
// replicas of a key are simply the next nodes on the ring, in each data centre.
type topology struct {
	nodes, dcs int
	// rf is the replication factor in each data centre.
	rf int
	// vnodes is num_tokens.
	vnodes int
}

// smallest returns the number of nodes in the smallest data centre.
func (t topology) smallest() int { return t.nodes / t.dcs }

// replicas returns the number of a key's replicas in all.
func (t topology) replicas() int { return t.rf * t.dcs }

// dc is the index of the data centre of a node: the first nodes are in the first
// one, which has one node more if their number is odd.
func (t topology) dc(node int) int {
	if t.dcs == 1 || node < t.nodes-t.nodes/2 {
		return 0
	}
	return 1
}

func dcName(i int) string { return fmt.Sprintf("dc%d", i+1) }

func (t topology) centresText() string {
	if t.dcs == 1 {
		return "one data centre"
	}
	return fmt.Sprintf("each of %d data centres", t.dcs)
}

// rack is a node's rack.
func (t topology) rack(node int) string { return fmt.Sprintf("rack%d", node+1) }

// tokens are the tokens of a node. All tokens of a cluster are the same distance
// apart and dealt to the nodes in turn: nodes that know their tokens beforehand
// can start all at once, and every node owns the same share.
func (t topology) tokens(node int) []int64 {
	step := math.MaxUint64 / uint64(t.nodes*t.vnodes)
	out := make([]int64, t.vnodes)
	for i := range out {
		at := uint64(i*t.nodes+node)*step + step/2
		out[i] = int64(at - 1<<63) // from 0..2^64 to -2^63..2^63
	}
	return out
}

func (t topology) tokensText(node int) string {
	var b strings.Builder
	for i, token := range t.tokens(node) {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprint(&b, token)
	}
	return b.String()
}

// replication is the replication of a keyspace, in CQL, with so many replicas in
// each data centre; 0 means one on every node.
func (t topology) replication(rf int) string {
	var b strings.Builder
	b.WriteString("{'class': 'NetworkTopologyStrategy'")
	for dc := range t.dcs {
		n := rf
		if n == 0 {
			n = len(t.members(dc))
		}
		fmt.Fprintf(&b, ", '%s': %d", dcName(dc), n)
	}
	b.WriteByte('}')
	return b.String()
}

// members are the nodes of a data centre.
func (t topology) members(dc int) []int {
	var out []int
	for node := range t.nodes {
		if t.dc(node) == dc {
			out = append(out, node)
		}
	}
	return out
}

// everywhere says whether every node has a replica of every key.
func (t topology) everywhere() bool {
	for dc := range t.dcs {
		if t.rf != len(t.members(dc)) {
			return false
		}
	}
	return true
}

// ring finds the replicas of keys.
type ring struct {
	top    topology
	tokens []int64 // ascending
	owners []int
}

func newRing(top topology) *ring {
	type entry struct {
		token int64
		owner int
	}
	var all []entry
	for node := range top.nodes {
		for _, token := range top.tokens(node) {
			all = append(all, entry{token, node})
		}
	}
	slices.SortFunc(all, func(a, b entry) int {
		if a.token < b.token {
			return -1
		}
		return 1
	})
	r := &ring{top: top}
	for _, e := range all {
		r.tokens = append(r.tokens, e.token)
		r.owners = append(r.owners, e.owner)
	}
	return r
}

// replicas are the indexes of the nodes that have the key with this token: in each
// data centre the first rf different nodes from the token on
// (NetworkTopologyStrategy, where each node has its own rack). Ascending.
func (r *ring) replicas(token int64) []int {
	start, _ := slices.BinarySearch(r.tokens, token)
	have := make([]int, r.top.dcs)
	var out []int
	for i := range r.tokens {
		node := r.owners[(start+i)%len(r.tokens)]
		dc := r.top.dc(node)
		if have[dc] < r.top.rf && !slices.Contains(out, node) {
			have[dc]++
			out = append(out, node)
		}
	}
	slices.Sort(out)
	return out
}
