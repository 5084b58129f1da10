package placement

import (
	"errors"
	"fmt"
	"slices"
	"sort"
)

// MaxSplitPoints bounds the split points of partitioner range.
const MaxSplitPoints = 1024

// ranges keeps keys that follow each other, in the order of their bytes, on the same nodes: range i holds the keys from split point i-1 on
// and below split point i, and its first replica is the node with number i, around. So a range of keys can be read
// from few nodes; and keys that are written in their order all go to the last range. Where held is given, range i is on held[i] instead.
type ranges struct {
	cycle
	splits []string
	held   [][]string
}

// of are the replicas of the range with this number.
func (r ranges) of(i int) []string {
	if r.held != nil {
		return slices.Clone(r.held[i])
	}
	return r.from(i, r.n)
}

func newRanges(nodes []string, n int, splits []string) (ranges, error) {
	c, err := newCycle(nodes, n)
	errs := []error{err}
	if len(splits) > MaxSplitPoints {
		errs = append(errs, fmt.Errorf("split_points: %d of them, at most %d", len(splits), MaxSplitPoints))
	}
	for i, s := range splits {
		if s == "" {
			errs = append(errs, errors.New("split_points: an empty one, below which there is no key"))
		} else if i > 0 && splits[i-1] >= s {
			errs = append(errs, fmt.Errorf("split_points: %q must come before %q in the order of bytes, each once", s, splits[i-1]))
		}
	}
	return ranges{cycle: c, splits: slices.Clone(splits)}, errors.Join(errs...)
}

// index is the range of key.
func (r ranges) index(key string) int {
	return sort.Search(len(r.splits), func(i int) bool { return key < r.splits[i] })
}

// Holders are, for each range that has keys from low on and below high (without a bound where it is empty), the nodes that hold it, if the placement
// keeps ranges of keys together; else ok is false, and any node may hold some of them.
func Holders(p Placement, low, high string) (sets [][]string, ok bool) {
	r, ok := p.(ranges)
	if !ok {
		return nil, false
	}
	last := len(r.splits)
	if high != "" {
		last = sort.SearchStrings(r.splits, high)
	}
	for i := r.index(low); i <= last; i++ {
		sets = append(sets, r.of(i))
	}
	return sets, true
}

func (ranges) Partitioner() Partitioner       { return Range }
func (r ranges) Replicas(key string) []string { return r.of(r.index(key)) }
func (r ranges) Misplaced(key string) []string {
	return r.from(slices.Index(r.nodes, r.Replicas(key)[0])+1, r.n)
}

func (r ranges) Beyond(key string) []string {
	held := r.Replicas(key)
	around := r.from(slices.Index(r.nodes, held[0]), len(r.nodes))
	return slices.DeleteFunc(around, func(n string) bool { return slices.Contains(held, n) })
}

func (r ranges) Owned(node string) float64 {
	owned := 0
	for i := range len(r.splits) + 1 {
		if r.of(i)[0] == node {
			owned++
		}
	}
	return float64(owned) / float64(len(r.splits)+1)
}

func (ranges) VirtualNodes() int       { return 0 }
func (r ranges) SplitPoints() []string { return r.splits }
func (r ranges) Settings() string {
	return fmt.Sprintf("partitioner=range, %d split points (%s)", len(r.splits), digest("%q", r.splits))
}
func (r ranges) Digest() string {
	if r.held != nil {
		return digest("range %q n=%d %q %q", r.nodes, r.n, r.splits, r.held)
	}
	return digest("range %q n=%d %q", r.nodes, r.n, r.splits)
}
