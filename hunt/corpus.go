package hunt

import (
	"math/rand/v2"
	"slices"

	"github.com/lapse-test/lapse/runs"
)

// corpus are the plans that led to something new, and how often each sign was seen.
type corpus struct {
	entries []*entry
	// runs counts how many runs showed a sign.
	runs  map[string]int
	total int
}

// entry is a plan that is worth changing.
type entry struct {
	plan  *runs.Planned
	signs []string
	near  float64
	// children counts the plans that were made of it, barren those in a row that led to
	// nothing new.
	children, barren int
}

func newCorpus() *corpus { return &corpus{runs: map[string]int{}} }

// add counts what a run showed, and keeps its plan if any of it is new, or if it came
// nearer to what is not allowed than any before. It returns how many signs are new.
func (c *corpus) add(p *runs.Planned, seen *Seen) (fresh int) {
	c.total++
	nearest := true
	for _, e := range c.entries {
		nearest = nearest && seen.Near > e.near
	}
	signs := slices.Compact(slices.Sorted(slices.Values(seen.Signs)))
	for _, s := range signs {
		if c.runs[s] == 0 {
			fresh++
		}
		c.runs[s]++
	}
	if fresh > 0 || nearest && seen.Near > 0 {
		c.entries = append(c.entries, &entry{plan: p, signs: signs, near: seen.Near})
	}
	return fresh
}

// nearWeight is what coming as near as can be counts, in signs that no other run showed.
const nearWeight = 4

// energy is how much is to be expected of changing an entry: signs that few runs showed
// and near misses speak for it, changes that led to nothing against.
func (c *corpus) energy(e *entry) float64 {
	sum := nearWeight * e.near
	for _, s := range e.signs {
		sum += 1 / float64(c.runs[s])
	}
	return sum / float64(1+e.children+2*e.barren)
}

// choose draws an entry, by their energies; nil where there is none.
func (c *corpus) choose(r *rand.Rand) *entry {
	var sum float64
	for _, e := range c.entries {
		sum += c.energy(e)
	}
	at := r.Float64() * sum
	for _, e := range c.entries {
		if at -= c.energy(e); at < 0 {
			return e
		}
	}
	if len(c.entries) == 0 {
		return nil
	}
	return c.entries[len(c.entries)-1]
}
