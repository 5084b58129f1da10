// Package ring places keys on nodes by consistent hashing with virtual nodes, as in Karger et al.,
// "Consistent Hashing and Random Trees" (1997), and DeCandia et al., "Dynamo" (2007), section 4.2.
package ring

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/cespare/xxhash/v2"
)

// MaxVirtualNodes bounds the points that one node may have on the ring.
const MaxVirtualNodes = 4096

// Ring is an immutable placement of keys; all methods may be called concurrently.
type Ring struct {
	nodes  []string // sorted
	points []point  // sorted by hash
	n      int
	vnodes int
}

type point struct {
	hash uint64
	node uint16
}

// New makes the ring of the named nodes, with n replicas a key and vnodes points a node. The order of nodes does not
// matter: equal sets give equal rings, on every machine and in every version.
func New(nodes []string, n, vnodes int) (*Ring, error) {
	sorted := slices.Clone(nodes)
	slices.Sort(sorted)
	switch {
	case len(sorted) == 0:
		return nil, errors.New("ring: no nodes")
	case len(sorted) > 1024:
		return nil, fmt.Errorf("ring: %d nodes, at most 1024", len(sorted))
	case len(slices.Compact(slices.Clone(sorted))) != len(sorted):
		return nil, fmt.Errorf("ring: a node is named twice in %v", sorted)
	case n < 1 || n > len(sorted):
		return nil, fmt.Errorf("ring: %d replicas on %d nodes: must be between 1 and the number of nodes", n, len(sorted))
	case vnodes < 1 || vnodes > MaxVirtualNodes:
		return nil, fmt.Errorf("ring: %d virtual nodes, must be between 1 and %d", vnodes, MaxVirtualNodes)
	}
	r := &Ring{nodes: sorted, n: n, vnodes: vnodes, points: make([]point, 0, len(sorted)*vnodes)}
	for i, node := range sorted {
		for v := range vnodes {
			h := xxhash.Sum64String(node + "#" + strconv.Itoa(v))
			r.points = append(r.points, point{h, uint16(i)})
		}
	}
	slices.SortFunc(r.points, func(a, b point) int {
		switch {
		case a.hash < b.hash:
			return -1
		case a.hash > b.hash:
			return 1
		}
		return int(a.node) - int(b.node)
	})
	return r, nil
}

// N is the number of replicas of a key.
func (r *Ring) N() int { return r.n }

// VirtualNodes is the number of points that each node has on the ring.
func (r *Ring) VirtualNodes() int { return r.vnodes }

// Nodes are all nodes' names in order. The caller must not change the slice.
func (r *Ring) Nodes() []string { return r.nodes }

// Replicas are the N distinct nodes that hold key, in the order in which they lie on the ring.
func (r *Ring) Replicas(key string) []string { return r.walk(key, 0) }

// Misplaced are N nodes that follow the first replica of key: where a node with a stale ring would look. With as many nodes
// as replicas it is the same set as Replicas.
func (r *Ring) Misplaced(key string) []string { return r.walk(key, 1) }

// Beyond are the nodes that follow the replicas of key on the ring, in order: who may stand in for them.
func (r *Ring) Beyond(key string) []string {
	all := *r
	all.n = len(r.nodes)
	return all.walk(key, 0)[r.n:]
}

func (r *Ring) walk(key string, skip int) []string {
	start, _ := slices.BinarySearchFunc(r.points, xxhash.Sum64String(key), func(p point, h uint64) int {
		if p.hash < h {
			return -1
		} else if p.hash > h {
			return 1
		}
		return 0
	})
	order := make([]string, 0, r.n+skip)
	for i := 0; len(order) < r.n+skip && i < len(r.points); i++ {
		name := r.nodes[r.points[(start+i)%len(r.points)].node]
		if !slices.Contains(order, name) {
			order = append(order, name)
		}
	}
	if len(order) < r.n+skip {
		skip = 0
	}
	return order[skip : skip+r.n]
}

// Owned is the share of the hash space whose first replica is node, between 0 and 1.
func (r *Ring) Owned(node string) float64 {
	var sum float64
	for i, p := range r.points {
		if r.nodes[p.node] != node {
			continue
		}
		prev := r.points[(i+len(r.points)-1)%len(r.points)].hash
		sum += float64(p.hash - prev) // wraps around zero by itself
	}
	if len(r.points) == 1 {
		return 1
	}
	return sum / (1 << 63) / 2
}

// Digest identifies the placement: nodes that disagree on it must not exchange data.
func (r *Ring) Digest() string {
	h := xxhash.New()
	fmt.Fprintf(h, "%q n=%d vnodes=%d", r.nodes, r.n, r.vnodes)
	return hex.EncodeToString(binary.BigEndian.AppendUint64(nil, h.Sum64()))
}
