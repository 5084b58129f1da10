package txn

import (
	"fmt"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/txn/internal/dsg"
	"github.com/lapse-test/lapse/checkers/txn/internal/explain"
	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
	"github.com/lapse-test/lapse/checkers/txn/internal/guard"
	"github.com/lapse-test/lapse/checkers/txn/internal/order"
	"github.com/lapse-test/lapse/checkers/txn/internal/weak"
)

// decideOpen decides a level whose version orders are not all known, and that
// the known edges do not refute. In order: what causality forces; a guessed
// order, which proves the level if it fits; a bounded search.
func (a *analysis) decideOpen(m *model) (outcome, error) {
	o := outcome{algorithm: "forced version orders"}
	known, f := a.all, dsg.Derived{}
	if a.openRegisters {
		w, done, err := a.forcedBy(m, &o)
		if done || err != nil {
			return o, err
		}
		f = w.Derived()
		known, err = order.Known(a.DSG, &f)
		if err != nil {
			return o, err
		}
		if done, err := a.refuteKnown(a.explain.With(f), m, known, &o); done || err != nil {
			return o, err
		}
	}
	guess, err := order.Guess(a.DSG, known)
	if err != nil {
		return o, err
	}
	complete, err := order.Completed(a.DSG, &f, guess)
	if err != nil {
		return o, err
	}
	if broken, err := m.Breaks(a.Guard, complete); err != nil {
		return o, err
	} else if !broken {
		o.status = checkers.Held
		o.algorithm = "a version order that fits"
		return o, nil
	}
	ok, v, err := order.Search(a.DSG, &m.Rule, known, guess)
	switch {
	case guard.IsBudget(err):
		return notSolved(err.Error()), nil
	case err != nil:
		return outcome{}, err
	case ok:
		return outcome{status: checkers.Held, algorithm: "a version order found by search"}, nil
	}
	return outcome{status: checkers.Violated, total: 1, algorithm: "search over version orders", violations: []checkers.Violation{v}}, nil
}

// forcedBy runs the axiom of transactional causal consistency with the model's
// order base, which the model implies. Without an order base there are no chains
// to follow the past by, and only what was read directly is looked at.
func (a *analysis) forcedBy(m *model, o *outcome) (*weak.Axiom, bool, error) {
	lean, err := a.LeanGraph(m.Base)
	if err != nil {
		return nil, false, err
	}
	topo, ok := graph.Topological(lean)
	if !ok {
		// The known graph had no cycle, and lean is a part of it.
		return nil, false, errNoCycle
	}
	vis := weak.SeenCausally
	if m.Base == baseNone {
		vis = weak.SeenDirectly
	}
	w := weak.New(a.IR, vis, m.Base, lean, topo)
	if err := w.Derive(); err != nil {
		return nil, false, err
	}
	if w.Broken > 0 {
		return w, true, a.staleReads(o, w)
	}
	return w, false, nil
}

// refuteKnown looks for what the model forbids in the graph known.
func (a *analysis) refuteKnown(ex *explain.Explainer, m *model, known *graph.Graph, o *outcome) (bool, error) {
	if m.OneRW {
		c, err := m.Cycle(a.Guard, known)
		if err != nil || c == nil {
			return false, err
		}
		v, err := ex.Cycle(c, graph.AfterOne(m.Automaton.Mask))
		if err != nil {
			return false, err
		}
		o.status, o.total, o.violations = checkers.Violated, o.total+1, append(o.violations, v)
		return true, nil
	}
	comps, err := graph.Components(a.Guard, known, m.Automaton)
	if err != nil || len(comps) == 0 {
		return false, err
	}
	o.status = checkers.Violated
	return true, a.witnesses(ex, o, known, nil, comps, m.Automaton, a.narrower(m))
}

// notSolved is the outcome when the search is not possible within its bounds.
func notSolved(why string) outcome {
	return outcome{
		status:    checkers.Inconclusive,
		algorithm: "forced version orders, a guessed order",
		reasons: []string{fmt.Sprintf("the order of some versions was not observed: what is known does not refute the level, the order that was guessed does not prove it, and %s; "+
			"a workload that reads every key before writing it, or appends to lists, can always be decided", why)},
	}
}
