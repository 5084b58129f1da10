// Package placement decides which nodes hold a key, by the partitioner that the configuration names: consistent hashing
// (package ring), the hash modulo the number of nodes, or ranges of keys between split points.
//
// A placement is a function of its options alone and never changes: any two nodes whose Digest is
// the same find the same replicas for every key, and nodes whose digests for all their nodes differ exchange nothing. That is all that the proof of package
// coordinator asks of it: a key has the same N distinct replicas through whichever node. (Package membership goes from one placement to another.) Which N they are matters for load and for
// what a change of nodes would move (Moved, Imbalance), not for what is promised.
package placement

import (
	"errors"
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/quorumkv/ring"
)

// Partitioner is a way to place keys on nodes.
type Partitioner string

// The partitioners.
const (
	Ring   Partitioner = "ring"   // consistent hashing with virtual nodes
	Modulo Partitioner = "modulo" // the hash of the key modulo the number of nodes
	Range  Partitioner = "range"  // contiguous ranges of keys between split points
)

// Partitioners are all there are, the default first.
func Partitioners() []Partitioner { return []Partitioner{Ring, Modulo, Range} }

// DefaultVirtualNodes is how many points a node has on the ring unless the configuration says otherwise.
const DefaultVirtualNodes = 256

// Placement is an immutable placement of keys; all methods may be called concurrently.
type Placement interface {
	// Partitioner is what places the keys.
	Partitioner() Partitioner
	// N is the number of replicas of a key.
	N() int
	// Nodes are all nodes' names in order. The caller must not change the slice.
	Nodes() []string
	// Replicas are the N distinct nodes that hold key, the first one first.
	Replicas(key string) []string
	// Misplaced are N nodes that follow the first replica of key: where a node would look that is one step off. With as many nodes as
	// replicas it is the same set as Replicas.
	Misplaced(key string) []string
	// Beyond are the nodes that are no replicas of key, in the order in which they stand in for those.
	Beyond(key string) []string
	// Owned is the share, between 0 and 1, whose first replica is node: of the hash space, or of the ranges.
	Owned(node string) float64
	// VirtualNodes is the number of points that each node has on the ring; 0 where there is none.
	VirtualNodes() int
	// SplitPoints are the first keys of all ranges but the first; nil where there are none. The caller must not change the slice.
	SplitPoints() []string
	// Digest identifies the placement: nodes that disagree on it must not exchange data.
	Digest() string
	// Settings are what all nodes must have alike, spelled for people in one line of ASCII without line breaks.
	Settings() string
}

// Options say how keys are placed.
type Options struct {
	Partitioner  Partitioner
	Nodes        []string // in any order
	Replication  int      // N, replicas of a key
	VirtualNodes int      // of Ring; DefaultVirtualNodes with all others
	SplitPoints  []string // of Range, in ascending order of bytes; none with all others
}

// New makes the placement. The order of nodes does not matter: equal sets give equal placements, on every machine and in every version.
func New(o Options) (Placement, error) {
	if !slices.Contains(Partitioners(), o.Partitioner) {
		return nil, fmt.Errorf("partitioner: %q is not ring, modulo or range", o.Partitioner)
	}
	var errs []error
	if o.Partitioner != Ring && o.VirtualNodes != DefaultVirtualNodes {
		errs = append(errs, fmt.Errorf("virtual_nodes: is a setting of partitioner ring; leave it out with partitioner %s", o.Partitioner))
	}
	if o.Partitioner != Range && len(o.SplitPoints) > 0 {
		errs = append(errs, fmt.Errorf("split_points: is a setting of partitioner range; leave it out with partitioner %s", o.Partitioner))
	}
	var p Placement
	var err error
	switch o.Partitioner {
	case Ring:
		var r *ring.Ring
		if r, err = ring.New(o.Nodes, o.Replication, o.VirtualNodes); err == nil {
			p = onRing{r}
		} else {
			err = fmt.Errorf("replication, virtual_nodes: %w", err)
		}
	case Modulo:
		p, err = newModulo(o.Nodes, o.Replication)
	case Range:
		p, err = newRanges(o.Nodes, o.Replication, o.SplitPoints)
	}
	if err != nil {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return p, nil
}

// onRing is package ring's placement as one of several.
type onRing struct{ *ring.Ring }

func (onRing) Partitioner() Partitioner { return Ring }
func (onRing) SplitPoints() []string    { return nil }
func (r onRing) Settings() string {
	return fmt.Sprintf("partitioner=ring, virtual_nodes=%d", r.VirtualNodes())
}
