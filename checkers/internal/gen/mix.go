package gen

import "math/rand/v2"

// Small draws the shape of a history that brute force can decide: one key,
// unique values unless ambiguous.
func Small(seed uint64, ambiguous bool) Register {
	rng := rand.New(rand.NewPCG(seed, 0x5a11))
	c := Register{
		Ops: 3 + rng.IntN(7), Sessions: 1 + rng.IntN(4), Keys: 1,
		Writes: 0.15 + 0.4*rng.Float64(),
		Info:   0.3 * rng.Float64() * float64(rng.IntN(2)), Fail: 0.1,
		Ties: rng.IntN(2) == 0,
	}
	if rng.IntN(2) == 0 {
		c.CAS = 0.4 * rng.Float64()
		c.Lost = 0.5 * float64(rng.IntN(2))
	}
	switch rng.IntN(3) {
	case 0:
		c.Stale = 0.4
	case 1:
		c.Lie = 0.3
	}
	if ambiguous {
		c.Values = 1 + rng.IntN(3)
		c.Delete = 0.2 * float64(rng.IntN(2))
	}
	return c
}

// Odd draws the shape of a small history with everything that a compare-and-set can
// meet: values that nobody wrote, that failed or unanswered writes would have
// written, that come later or are its own; deletes; lies and lost updates. Values are
// unique unless ambiguous.
func Odd(seed uint64, ambiguous bool) Register {
	rng := rand.New(rand.NewPCG(seed, 0x0dd))
	c := Register{
		Ops: 3 + rng.IntN(7), Sessions: 1 + rng.IntN(3), Keys: 1 + rng.IntN(2),
		Writes: 0.1 + 0.2*rng.Float64(), CAS: 0.2 + 0.3*rng.Float64(),
		Info: 0.35 * rng.Float64(), Fail: 0.15 * rng.Float64(),
		Strange: 0.5 * rng.Float64(), Lost: 0.6 * float64(rng.IntN(2)),
		Ties: rng.IntN(2) == 0,
	}
	switch rng.IntN(3) {
	case 0:
		c.Stale = 0.3
	case 1:
		c.Lie = 0.3
	}
	if ambiguous {
		c.Values = 1 + rng.IntN(4)
		c.Delete = 0.15 * float64(rng.IntN(2))
	}
	return c
}
