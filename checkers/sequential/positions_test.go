package sequential

import (
	"math/rand/v2"
	"testing"
)

// TestPositions compares with a map, through many growths.
func TestPositions(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	p, want := newPositions(), map[[2]uint64]bool{}
	for range 100_000 {
		h := [2]uint64{rng.Uint64N(300), rng.Uint64N(200)}
		if fresh := p.add(h); fresh == want[h] {
			t.Fatalf("%v: fresh %v, but known %v", h, fresh, want[h])
		}
		want[h] = true
	}
	if n := len(want) - 1; p.n != n || !p.zero {
		t.Errorf("%d hashes and zero %v, want %d and true", p.n, p.zero, n)
	}
}
