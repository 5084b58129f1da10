package history

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// TestInsertion: operations that were added when they ended come into the order of their
// invocations, however long some of them took, and equal ones stay as they were.
func TestInsertion(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 3))
		near := seed%3 == 0
		ops := make([]Op, 2+rng.IntN(9000))
		for i := range ops {
			late := rng.IntN(40)
			if !near && rng.IntN(1+rng.IntN(500)) == 0 {
				late = rng.IntN(len(ops))
			}
			ops[i] = Op{Invoke: Time(max(0, i-late)), Process: int32(rng.IntN(3)), Session: int32(i)} // which tells equals apart
		}
		if seed%5 == 1 {
			rng.Shuffle(len(ops), func(i, j int) { ops[i], ops[j] = ops[j], ops[i] })
		}
		want := slices.Clone(ops)
		slices.SortStableFunc(want, func(x, y Op) int { return compareOps(&x, &y) })
		done := byInsertion(ops)
		if near && !done && seed%5 != 1 {
			t.Errorf("seed %d: given up, though all stand near their places", seed)
		}
		if !done {
			var s opSorter
			s.sort(ops)
		}
		if !reflect.DeepEqual(ops, want) {
			t.Fatalf("seed %d: not in order", seed)
		}
	}
}
