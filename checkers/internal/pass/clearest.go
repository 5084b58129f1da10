package pass

import (
	"cmp"
	"slices"
)

// Clearest keeps the violations that come first in an order, and no more memory than that
// takes. The zero value is not ready; see NewClearest. Not safe for concurrent use.
type Clearest[F any] struct {
	most  int
	order func(a, b F) int
	found []F
}

// NewClearest keeps the most first violations in order.
func NewClearest[F any](most int, order func(a, b F) int) Clearest[F] {
	return Clearest[F]{most: most, order: order}
}

// Add offers violations.
func (c *Clearest[F]) Add(violations ...F) {
	for _, f := range violations {
		if len(c.found) >= 4*c.most+64 {
			slices.SortFunc(c.found, c.order)
			c.found = c.found[:c.most]
		}
		c.found = append(c.found, f)
	}
}

// List are the violations kept, in order.
func (c *Clearest[F]) List() []F {
	slices.SortFunc(c.found, c.order)
	return c.found[:min(len(c.found), c.most)]
}

// KeyByKey are the indexes of found, those of one key together: what explaining takes of a key is loaded once, however many violations
// it has. With found in the order in which they are told, a key of a million operations would be loaded for each of them.
func KeyByKey[F any](found []F, key func(*F) int) []int {
	order := make([]int, len(found))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(key(&found[a]), key(&found[b])) })
	return order
}
