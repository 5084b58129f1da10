package results

import (
	"context"
	"errors"
	"fmt"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/lattice"
	"github.com/lapse-test/lapse/checkers/set"
	"github.com/lapse-test/lapse/checkers/staleness"
	"github.com/lapse-test/lapse/checkers/witness"
	"github.com/lapse-test/lapse/history"
)

// Assessment is what the checkers said of one history, and what follows.
type Assessment struct {
	Status   checkers.Status    `json:"status"`
	Verdicts []checkers.Verdict `json:"verdicts"`
	// NotChecked are the models that do not apply to this history, with the
	// reason.
	NotChecked []NotChecked `json:"not_checked,omitempty"`
	// Lattice is what the verdicts add up to.
	Lattice lattice.Summary `json:"lattice"`
	// Promises is what the database promises, nil if that is not known.
	Promises *Promises `json:"promises,omitempty"`
	// Staleness says how stale reads were, nil where no read could have been.
	Staleness *staleness.Report `json:"staleness,omitempty"`
	// Elements says how the elements of sets fared, nil where there are none.
	Elements *set.Report `json:"set_elements,omitempty"`
}

// NotChecked is a model that could not be checked at all.
type NotChecked struct {
	Model  string `json:"model"`
	Reason string `json:"reason"`
}

// Assess checks h against each model and judges the evidence. The error is for a
// checker that itself went wrong: a bug in lapse. When ctx is done, the models
// that were not reached are inconclusive.
func Assess(ctx context.Context, h *history.History, models []checkers.Checker, b checkers.Budget, r Require) (Assessment, error) {
	a := Assessment{Status: checkers.Held}
	var errs []error
	for _, group := range groups(h, models, &a) {
		verdicts, err := checkGroup(ctx, h, b, group)
		if err != nil {
			errs = append(errs, fmt.Errorf("checking %s: %w", group[0].Model(), err))
			continue
		}
		for i, v := range verdicts {
			if err := verify(ctx, h, group, i, &v); err != nil {
				errs = append(errs, err)
			}
			v = r.Judge(h, v)
			a.Status = Worse(a.Status, v.Status)
			a.Verdicts = append(a.Verdicts, v)
		}
	}
	if len(a.Verdicts) == 0 {
		a.Status = checkers.Inconclusive
	}
	a.Lattice = lattice.Summarise(a.Verdicts)
	a.Staleness, a.Elements = measureStaleness(ctx, h, b), measureElements(ctx, h, b)
	return a, errors.Join(errs...)
}

// verify makes the witnesses of v smaller where that can be, and checks each again by
// means that share nothing with the checker that found it. A witness that proves
// nothing is a mistake in that checker.
func verify(ctx context.Context, h *history.History, group []checkers.Checker, i int, v *checkers.Verdict) error {
	var errs []error
	for j := range v.Violations {
		x := &v.Violations[j]
		if i < len(group) && group[i].Model() == v.Model {
			*x = witness.Refine(ctx, h, group[i], *x)
		}
		by, err := witness.Verify(ctx, h, x)
		if err != nil {
			errs = append(errs, err)
		} else if x.Certified == "" {
			x.Certified = by
		}
	}
	return errors.Join(errs...)
}

// groups leaves out the models that do not apply to h and puts those together
// that share their work.
func groups(h *history.History, models []checkers.Checker, a *Assessment) [][]checkers.Checker {
	var out [][]checkers.Checker
	family := map[string]int{}
	for _, c := range models {
		if err := c.Applies(h); err != nil {
			a.NotChecked = append(a.NotChecked, NotChecked{c.Model(), err.Error()})
			continue
		}
		t, ok := c.(checkers.Together)
		if !ok {
			out = append(out, []checkers.Checker{c})
			continue
		}
		i, known := family[t.Family()]
		if !known {
			i = len(out)
			family[t.Family()] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], c)
	}
	return out
}

func checkGroup(ctx context.Context, h *history.History, b checkers.Budget, group []checkers.Checker) ([]checkers.Verdict, error) {
	t, ok := group[0].(checkers.Together)
	if !ok {
		v, err := group[0].Check(ctx, h, b)
		return []checkers.Verdict{v}, err
	}
	names := make([]string, len(group))
	for i, c := range group {
		names[i] = c.Model()
	}
	return t.CheckTogether(ctx, h, b, names)
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
