package register

import (
	"slices"
	"testing"

	"github.com/lapse-test/lapse/checkers/internal/gen"
)

// TestOrdinary: where one look says that every compare-and-set can have been there, the
// whole search finds nothing to settle either.
func TestOrdinary(t *testing.T) {
	ordinary, odd := 0, 0
	for seed := range uint64(12000) {
		c := gen.Small(seed, seed%4 < 2)
		if seed%2 == 0 {
			c = gen.Odd(seed, seed%4 < 2)
		}
		h, err := c.History(seed)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Split(h, "test", true)
		if err != nil {
			t.Fatal(err)
		}
		for i, id := range s.Keys {
			var k Key
			k.load(h, id, s.At(i))
			cases := 0
			for _, op := range k.Ops {
				if op.Kind == CAS {
					cases++
				}
			}
			if cases != k.CASes {
				t.Fatalf("seed %d: %d compare-and-sets are counted as %d", seed, cases, k.CASes)
			}
			if cases == 0 {
				continue
			}
			said := k.ground.ordinary(&k)
			before := slices.Clone(k.Ops)
			gone := k.ground.settle(&k)
			if nothing := len(gone) == 0 && slices.Equal(before, k.Ops); said && !nothing {
				t.Fatalf("seed %d: all of %+v is said to be possible, but %v is gone and %+v is left", seed, before, gone, k.Ops)
			}
			if said {
				ordinary++
			} else {
				odd++
			}
		}
	}
	if ordinary < 500 || odd < 500 {
		t.Errorf("%d keys were ordinary and %d not: too few of one kind", ordinary, odd)
	}
}
