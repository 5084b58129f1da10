package history

import "slices"

const (
	// aside is how far from its place byInsertion looks for an operation, shifts how many
	// others it moves for one, on average.
	aside  = 4096
	shifts = 64
)

// byInsertion sorts operations that stand near their places, as those do that were added
// when they ended: before one stand only those that ended while it was open. It takes no
// memory. It reports false, and has sorted stably what stands before, once one is too far
// from its place, or many are far.
func byInsertion(ops []Op) bool {
	left := shifts * len(ops)
	for i := 1; i < len(ops); i++ {
		if compareOps(&ops[i], &ops[i-1]) >= 0 {
			continue
		}
		op := ops[i]
		from := max(0, i-aside)
		if from > 0 && compareOps(&op, &ops[from]) < 0 {
			return false
		}
		to, _ := slices.BinarySearchFunc(ops[from:i], &op, func(x Op, y *Op) int {
			if compareOps(&x, y) <= 0 {
				return -1 // behind its equals
			}
			return 1
		})
		to += from
		if left -= i - to; left < 0 {
			return false
		}
		copy(ops[to+1:i+1], ops[to:i])
		ops[to] = op
	}
	return true
}
