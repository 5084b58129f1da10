package workloads

import "math/rand/v2"

// newStream is worker w's own stream of random numbers. All streams of a run
// come from its one seed: PCG-DXSM (math/rand/v2), whose 128 bits of state are
// mix(seed) and mix(mix(seed) + w + 1). Mixing spreads seeds and workers that
// differ in one bit over the whole state, so that neighbours do not resemble
// each other. The derivation is part of what a seed means: changing it changes
// every plan.
func newStream(seed uint64, w int) *rand.Rand {
	s := mix(seed)
	return rand.New(rand.NewPCG(s, mix(s+uint64(w)+1)))
}

// mix is the finaliser of SplitMix64 (Steele, Lea, Flood: Fast splittable
// pseudorandom number generators, OOPSLA 2014), a bijection.
func mix(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}
