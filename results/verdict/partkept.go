package verdict

import (
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
)

// kept is a violation of a part with its operations, and with those that wrote what would have been legal. They were at at in
// the part.
type kept struct {
	v   checkers.Violation
	ops *history.History
	at  []int
}

func (k *kept) violation() *checkers.Violation { return &k.v }

// worthwhile are those of the violations of a part that are kept besides what is kept already: of the others no more need be known.
func (g *gatherer) worthwhile(model int, found []checkers.Violation) []checkers.Violation {
	type offer struct {
		v   checkers.Violation
		new bool
	}
	all := make([]offer, 0, len(found))
	for _, v := range found {
		all = append(all, offer{v, true})
	}
	g.mu.Lock()
	for i := range g.kept[model] {
		all = append(all, offer{v: g.kept[model][i].v})
	}
	g.mu.Unlock()
	found = found[:0]
	for _, o := range checkers.Choose(all, g.budget.MaxViolations, func(o *offer) *checkers.Violation { return &o.v }) {
		if o.new {
			found = append(found, o.v)
		}
	}
	return found
}

// keep keeps those of the violations found in h that are among the first. It is called with mu held.
func (g *gatherer) keep(model int, found []checkers.Violation, h *history.History) {
	for _, v := range found {
		v.Ops = slices.Compact(slices.Sorted(slices.Values(v.Ops)))
		at := slices.Clone(v.Ops)
		if key, ok := v.KeyIn(h); ok {
			at = slices.Concat(append(v.LegalWriters(h, key), at)...)
			at = slices.Compact(slices.Sorted(slices.Values(at))) // as in Subset
		}
		g.kept[model] = append(g.kept[model], kept{v, h.Subset(at), at})
	}
	g.kept[model] = checkers.Choose(g.kept[model], g.budget.MaxViolations, (*kept).violation)
}

// violations are those that are kept of a model, as a check of the whole tells them.
func (g *gatherer) violations(model int) []checkers.Violation {
	var out []checkers.Violation
	for i := range g.kept[model] {
		out = append(out, g.kept[model][i].v)
	}
	return out
}

// witnesses is the history of all operations of what is told, and makes the violations
// point into it.
func (g *gatherer) witnesses() *history.History {
	parts := []*history.History{&g.parts.Frame}
	for n := range g.kept {
		g.kept[n] = checkers.Told(g.kept[n], g.budget.MaxViolations, (*kept).violation)
		for i := range g.kept[n] {
			parts = append(parts, g.kept[n][i].ops)
		}
	}
	h, places := history.Join(append(parts, g.measured.ops...))
	g.measured.places = places[len(parts):]
	places = places[1:]
	for n := range g.kept {
		for i := range g.kept[n] {
			g.kept[n][i].point(places[0])
			places = places[1:]
		}
	}
	return h
}

// point makes k point to its operations where they are the places of a history.
func (k *kept) point(places []int) {
	place := func(op int) int {
		if n, ok := slices.BinarySearch(k.at, op); ok {
			return places[n]
		}
		return -1
	}
	k.v.Steps = slices.Clone(k.v.Steps)
	for n := range k.v.Steps {
		s := &k.v.Steps[n]
		s.From, s.To = place(s.From), place(s.To)
	}
	k.v.Ops = slices.Clone(k.v.Ops)
	for n := range k.v.Ops {
		k.v.Ops[n] = place(k.v.Ops[n])
	}
	slices.Sort(k.v.Ops)
}
