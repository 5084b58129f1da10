package checkers

import "slices"

// Renumbered is v about the same operations where they have other indexes: place tells which. What the sentence calls them
// by stays.
func (v *Violation) Renumbered(place func(int) int) Violation {
	out := *v
	out.Ops, out.Names = make([]int, len(v.Ops)), make([]int, len(v.Ops))
	for n, i := range v.Ops {
		out.Ops[n], out.Names[n] = place(i), v.Place(i)
	}
	out.Steps = slices.Clone(v.Steps)
	for n := range out.Steps {
		for _, i := range []*int{&out.Steps[n].From, &out.Steps[n].To} {
			if *i >= 0 {
				*i = place(*i)
			}
		}
	}
	return out
}

// Place is the index by which the checker knew operation i, which is i but for a violation that was renumbered.
func (v *Violation) Place(i int) int {
	if n := slices.Index(v.Ops, i); n >= 0 && n < len(v.Names) {
		return v.Names[n]
	}
	return i
}
