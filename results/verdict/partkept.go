package verdict

import (
	"slices"
	"sync"

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

// keeping keeps the violations of the parts that a check of the whole keeps, at most so many of each model. Safe for concurrent use
// until told is called.
type keeping struct {
	most int
	mu   sync.Mutex
	kept [][]kept // by model
}

// worthwhile are those of the violations of a part that are kept besides what is kept already: of the others no more need be known.
func (k *keeping) worthwhile(model int, found []checkers.Violation) []checkers.Violation {
	type offer struct {
		v   checkers.Violation
		new bool
	}
	all := make([]offer, 0, len(found))
	for _, v := range found {
		all = append(all, offer{v, true})
	}
	k.mu.Lock()
	for i := range k.kept[model] {
		all = append(all, offer{v: k.kept[model][i].v})
	}
	k.mu.Unlock()
	found = found[:0]
	for _, o := range checkers.Choose(all, k.most, func(o *offer) *checkers.Violation { return &o.v }) {
		if o.new {
			found = append(found, o.v)
		}
	}
	return found
}

// keep keeps those of the violations found in h that are among the first.
func (k *keeping) keep(model int, found []checkers.Violation, h *history.History) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, v := range found {
		v.Ops = slices.Compact(slices.Sorted(slices.Values(v.Ops)))
		at := slices.Clone(v.Ops)
		if key, ok := v.KeyIn(h); ok {
			at = slices.Concat(append(v.LegalWriters(h, key), at)...)
			at = slices.Compact(slices.Sorted(slices.Values(at))) // as in Subset
		}
		k.kept[model] = append(k.kept[model], kept{v, h.Subset(at), at})
	}
	k.kept[model] = checkers.Choose(k.kept[model], k.most, (*kept).violation)
}

// told chooses what is told of what is kept, and returns the operations of each violation: see point.
func (k *keeping) told() (ops []*history.History) {
	for n := range k.kept {
		k.kept[n] = checkers.Told(k.kept[n], k.most, (*kept).violation)
		for i := range k.kept[n] {
			ops = append(ops, k.kept[n][i].ops)
		}
	}
	return ops
}

// point makes the violations that are told point into a history: places are those of what told returned in it.
func (k *keeping) point(places [][]int) {
	for n := range k.kept {
		for i := range k.kept[n] {
			k.kept[n][i].point(places[0])
			places = places[1:]
		}
	}
}

// violations are those of a model, as a check of the whole tells them.
func (k *keeping) violations(model int) []checkers.Violation {
	var out []checkers.Violation
	for i := range k.kept[model] {
		out = append(out, k.kept[model][i].v)
	}
	return out
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
