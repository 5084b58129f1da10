// Package verdict is what the checkers said of one history, whether the evidence
// behind it is enough, what the database promises, and the exit code that follows.
package verdict

import (
	"context"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/registry"
	"github.com/lapse-test/lapse/history"
)

// Assess checks h against each model and judges the evidence. A checker that itself
// went wrong costs its own model alone: see Assessment.Failures, which Assessment.Err
// and Assessment.Exit report. When ctx is done, the models that were not reached are
// inconclusive.
func Assess(ctx context.Context, h *history.History, models []checkers.Checker, b checkers.Budget, r Require) Assessment {
	var a Assessment
	own, hidden := h.AtItsLevel()
	grounds := map[*history.History]ground{} // each costs a look at every operation
	for _, group := range groups(own, models, &a) {
		seen, apart := own, hidden
		if group[0].Model().Replicas {
			seen, apart = h, 0
		}
		for i, v := range a.check(ctx, seen, b, group) {
			model := modelOf(group, i, v.Model)
			v.Risk, v.Counts = model.Risk, model.Counts
			v.Evidence.Fail = max(0, v.Evidence.Fail-apart) // which did not fail
			a.verify(ctx, seen, group[min(i, len(group)-1)], model, &v)
			if !a.failed(v.Model) {
				g, known := grounds[seen]
				if !known && v.Status != checkers.Violated {
					g = r.groundOf(seen, servingOf(seen))
					grounds[seen] = g
				}
				v = r.judge(g, v)
			}
			a.Verdicts = append(a.Verdicts, v)
		}
	}
	a.conclude(r)
	a.measure(ctx, own, b)
	a.Coverage = CoverageOf(h)
	return a
}

// conclude says what the verdicts come to together.
func (a *Assessment) conclude(r Require) {
	a.agree(r)
	a.Lattice = registry.Lattice().Summarise(a.Verdicts)
	a.refuteStronger()
	a.Status = checkers.Held
	for _, v := range a.Verdicts {
		a.Status = Worse(a.Status, v.Status)
	}
	if len(a.Verdicts) == 0 {
		a.Status = checkers.Inconclusive
	}
}

// modelOf is the model of which verdict i of a group is.
func modelOf(group []checkers.Checker, i int, name string) checkers.Model {
	if i < len(group) {
		if m := group[i].Model(); m.Name == name {
			return m
		}
	}
	return checkers.Model{Name: name}
}

// groups leaves out the models that do not apply to h and puts those together
// that share their work.
func groups(h *history.History, models []checkers.Checker, a *Assessment) [][]checkers.Checker {
	var out [][]checkers.Checker
	family := map[string]int{}
	for _, c := range models {
		if err := c.Applies(h); err != nil {
			a.NotChecked = append(a.NotChecked, NotChecked{c.Model().Name, err.Error()})
			continue
		}
		if h.Sessionless() && !c.Model().Timeless {
			a.NotChecked = append(a.NotChecked, NotChecked{c.Model().Name, "the history names no processes, so that nothing is known of sessions and of real time"})
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
