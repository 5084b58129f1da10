package verdict

import (
	"fmt"
	"strings"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/registry"
)

// agree makes the verdicts on one history agree with what their models imply, so that a
// stronger model is never better off than a weaker one (docs/models.md says how). Where
// evidence is required, a held model is as well founded as the weakest founded model that
// it implies: it is inconclusive with it. A model without a verdict of its own, because
// its search was not finished, or because no operation could have refuted it where nothing is required,
// is held if a stronger one is, which settles it for this history.
func (a *Assessment) agree(r Require) {
	order := registry.Lattice()
	pairs := func(f func(strong, weak *checkers.Verdict)) {
		for i := range a.Verdicts {
			for j := range a.Verdicts {
				strong, weak := &a.Verdicts[i], &a.Verdicts[j]
				if i != j && !a.failed(weak.Model) && order.Implies(strong.Model, weak.Model) {
					f(strong, weak)
				}
			}
		}
	}
	settled := func(weak *checkers.Verdict) bool { // by a stronger one
		return weak.Unfinished || r.AtRisk == 0
	}
	pairs(func(strong, weak *checkers.Verdict) {
		if strong.Status == checkers.Held && weak.Status == checkers.Inconclusive && !settled(weak) {
			strong.Status = checkers.Inconclusive
			strong.Reasons = []string{fmt.Sprintf("%s, which it implies, is inconclusive: %s", weak.Model, strings.Join(weak.Reasons, "; "))}
			strong.Follows = weak.Model
		}
	})
	pairs(func(strong, weak *checkers.Verdict) {
		if strong.Status == checkers.Held && strong.Follows == "" && weak.Status == checkers.Inconclusive {
			weak.Status, weak.NotDecided, weak.Reasons, weak.Follows = checkers.Held, false, nil, strong.Model
		}
	})
}

// refuteStronger passes violations on to the models that imply what was violated: they
// are violated too, by the witness that stands with the weaker one.
func (a *Assessment) refuteStronger() {
	order := registry.Lattice()
	for i := range a.Verdicts {
		strong := &a.Verdicts[i]
		for _, weak := range a.Verdicts {
			if strong.Status != checkers.Violated && !a.failed(strong.Model) && weak.Status == checkers.Violated && order.Implies(strong.Model, weak.Model) {
				strong.Status, strong.NotDecided, strong.Reasons, strong.Follows = checkers.Violated, false, nil, weak.Model
				if weak.Follows != "" {
					strong.Follows = weak.Follows
				}
			}
		}
	}
}
