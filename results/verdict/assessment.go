package verdict

import (
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/lattice"
	"github.com/lapse-test/lapse/checkers/set"
	"github.com/lapse-test/lapse/checkers/staleness"
)

// Assessment holds the checkers' verdicts on one history, and the conclusion from them.
type Assessment struct {
	Status   checkers.Status    `json:"status"`
	Verdicts []checkers.Verdict `json:"verdicts"`
	// NotChecked are the models that do not apply to this history, with the
	// reason.
	NotChecked []NotChecked `json:"not_checked,omitempty"`
	// Failures are the models whose checker itself went wrong, a bug in lapse each.
	// Their verdicts are inconclusive unless another of their proofs stood; those of
	// the other models are as good as ever.
	Failures []Failure `json:"failures,omitempty"`
	// Lattice sums the verdicts up by strength of the models.
	Lattice lattice.Summary `json:"lattice"`
	// Promises are the database's promises, nil if they are not known.
	Promises *Promises `json:"promises,omitempty"`
	// Staleness says how stale reads were, nil where no read could have been.
	Staleness *staleness.Report `json:"staleness,omitempty"`
	// Elements says how the elements of sets fared, nil where there are none.
	Elements *set.Report `json:"set_elements,omitempty"`
	// Coverage says what the faults covered, nil where that is not known.
	Coverage *Coverage `json:"coverage,omitempty"`
}

// NotChecked is a model that could not be checked at all.
type NotChecked struct {
	Model  string `json:"model"`
	Reason string `json:"reason"`
}

// Failure is a checker that itself went wrong: it returned an error, or the witness
// of a violation proved nothing when it was checked again.
type Failure struct {
	Model  string `json:"model"`
	Reason string `json:"reason"`
}

// ByModel finds the verdict of a model.
func (a *Assessment) ByModel(model string) (checkers.Verdict, bool) {
	for _, v := range a.Verdicts {
		if v.Model == model {
			return v, true
		}
	}
	return checkers.Verdict{}, false
}

// Allows says whether v is violated and the configuration does not promise its model.
func (a *Assessment) Allows(v checkers.Verdict) bool {
	promised, known := a.Promises.Of(v.Model)
	return v.Status == checkers.Violated && known && !promised
}

// AllowsAll says whether something was violated and the configuration allows all of it.
func (a *Assessment) AllowsAll() bool {
	violated := 0
	for _, v := range a.Verdicts {
		if v.Status != checkers.Violated {
			continue
		}
		if !a.Allows(v) {
			return false
		}
		violated++
	}
	return violated > 0
}

// Kept is the largest number of witnesses that any model kept.
func (a *Assessment) Kept() int {
	n := 0
	for _, v := range a.Verdicts {
		n = max(n, len(v.Violations))
	}
	return n
}

// At is a with the indexes that its operations have in the whole, where it points into a part of them: places tells them, nil
// for those that it has.
func (a *Assessment) At(places []int) Assessment {
	if places == nil {
		return *a
	}
	return a.Renumbered(func(i int) int { return places[i] })
}

// Among undoes At: it is a with the indexes that its operations have among those at places, nil for all.
func (a *Assessment) Among(places []int) Assessment {
	if places == nil {
		return *a
	}
	return a.Renumbered(func(op int) int { n, _ := slices.BinarySearch(places, op); return n })
}

// Renumbered is a with witnesses, worst reads and worst elements that are the same operations where they have other indexes:
// place tells which.
func (a *Assessment) Renumbered(place func(int) int) Assessment {
	out := *a
	out.Verdicts = slices.Clone(a.Verdicts)
	for i := range out.Verdicts {
		v := &out.Verdicts[i]
		v.Violations = slices.Clone(v.Violations)
		for j := range v.Violations {
			v.Violations[j] = v.Violations[j].Renumbered(place)
		}
	}
	if a.Staleness != nil {
		r := *a.Staleness
		r.Worst = slices.Clone(r.Worst)
		for i := range r.Worst {
			r.Worst[i] = place(r.Worst[i])
		}
		out.Staleness = &r
	}
	if a.Elements != nil {
		r := *a.Elements
		r.Worst = slices.Clone(r.Worst)
		for i := range r.Worst {
			r.Worst[i].Known, r.Worst[i].Missed = place(r.Worst[i].Known), place(r.Worst[i].Missed)
		}
		out.Elements = &r
	}
	return out
}
