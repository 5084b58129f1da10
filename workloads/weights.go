package workloads

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// maxWeight bounds one share, far from where sums could overflow.
const maxWeight = 1_000_000

// ParseWeights reads shares such as "read=3,write=1". An empty text is nil: the
// workload's default. Which kinds there are is for Workload.New to check.
func ParseWeights(text string) (map[string]int, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	out := map[string]int{}
	for part := range strings.SplitSeq(text, ",") {
		kind, share, found := strings.Cut(strings.TrimSpace(part), "=")
		kind, share = strings.TrimSpace(kind), strings.TrimSpace(share)
		if !found || kind == "" {
			return nil, usagef("weights %q: %q is not KIND=SHARE; write for example read=3,write=1", text, part)
		}
		n, err := strconv.Atoi(share)
		if err != nil || n < 0 || n > maxWeight {
			return nil, usagef("weights %q: the share of %s is %q, but must be a whole number from 0 to %d", text, kind, share, maxWeight)
		}
		if _, twice := out[kind]; twice {
			return nil, usagef("weights %q: %s is there twice", text, kind)
		}
		out[kind] = n
	}
	return out, nil
}

// chooser draws kinds of operation by their weights. Immutable once made.
type chooser struct {
	kinds []string
	// upTo[i] is the sum of the weights of kinds[0..i].
	upTo []uint64
}

// newChooser orders the kinds by name, so that the same weights draw the same
// kinds whatever the order of a map.
func newChooser(weights map[string]int) chooser {
	var c chooser
	var sum uint64
	for _, kind := range slices.Sorted(maps.Keys(weights)) {
		if weights[kind] <= 0 {
			continue
		}
		sum += uint64(weights[kind])
		c.kinds = append(c.kinds, kind)
		c.upTo = append(c.upTo, sum)
	}
	return c
}

// draw is the index in kinds of the kind drawn; it takes one number of the
// stream.
func (c *chooser) draw(r *rand.Rand) int {
	x := r.Uint64N(c.upTo[len(c.upTo)-1])
	for i, u := range c.upTo {
		if x < u {
			return i
		}
	}
	return len(c.upTo) - 1
}

// has tells whether kind can be drawn.
func (c *chooser) has(kind string) bool { return slices.Contains(c.kinds, kind) }
