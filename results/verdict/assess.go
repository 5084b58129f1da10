// Package verdict is what the checkers said of one history, whether the evidence
// behind it is enough, what the database promises, and the exit code that follows.
package verdict

import (
	"context"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/registry"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/pure"
)

// Assess checks h against each model and judges the evidence. A checker that itself
// went wrong costs its own model alone: see Assessment.Failures, which Assessment.Err
// and Assessment.Exit report. When ctx is done, the models that were not reached are
// inconclusive.
func Assess(ctx context.Context, h *history.History, models []checkers.Checker, b checkers.Budget, r Require) Assessment {
	var a Assessment
	type levelled struct {
		own    *history.History
		hidden int
		chosen
	}
	c, err := pure.Until(ctx, "choosing the models", func() (levelled, error) {
		own, hidden := h.AtItsLevel()
		return levelled{own, hidden, choose(ctx, own, models)}, nil
	})
	if err != nil || ctx.Err() != nil {
		a.Verdicts = interrupted(models)
		a.conclude(r)
		return a
	}
	own, hidden := c.own, c.hidden
	a.NotChecked = c.notChecked
	grounds := map[*history.History]ground{} // each costs a look at every operation
	for _, group := range c.groups {
		seen, apart := own, hidden
		if group[0].Model().Replicas {
			seen, apart = h, 0
		}
		for i, v := range a.check(ctx, seen, b, group) {
			model := modelOf(group, i, v.Model)
			v.Risk, v.Counts = model.Risk, model.Counts
			v.Evidence.Fail = max(0, v.Evidence.Fail-apart) // which did not fail
			a.verify(ctx, seen, group[min(i, len(group)-1)], model, &v)
			if !a.failed(v.Model) && !v.NotDecided {
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

// chosen are the models of which a history is checked, and those of which it is not.
type chosen struct {
	groups     [][]checkers.Checker
	notChecked []NotChecked
}

// choose leaves out the models that do not apply to h and puts those together that share
// their work. When ctx is done it returns what it has by then.
func choose(ctx context.Context, h *history.History, models []checkers.Checker) (out chosen) {
	applies := checkers.NewApplicability(h)
	family := map[string]int{}
	for _, c := range models {
		if ctx.Err() != nil {
			return out
		}
		if err := applies.Of(c); err != nil {
			out.notChecked = append(out.notChecked, NotChecked{c.Model().Name, err.Error()})
			continue
		}
		if h.Sessionless() && !c.Model().Timeless {
			out.notChecked = append(out.notChecked, NotChecked{c.Model().Name, "the history names no processes, so that nothing is known of sessions and of real time"})
			continue
		}
		t, ok := c.(checkers.Together)
		if !ok {
			out.groups = append(out.groups, []checkers.Checker{c})
			continue
		}
		i, known := family[t.Family()]
		if !known {
			i = len(out.groups)
			family[t.Family()] = i
			out.groups = append(out.groups, nil)
		}
		out.groups[i] = append(out.groups[i], c)
	}
	return out
}
