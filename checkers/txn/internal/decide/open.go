package decide

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
func (a *analysis) decideOpen(l *Level) (Decision, error) {
	o := Decision{Algorithm: "forced version orders"}
	known, f := a.all, dsg.Derived{}
	if a.openRegisters {
		w, done, err := a.forcedBy(l, &o)
		if done || err != nil {
			return o, err
		}
		f = w.Derived()
		known, err = order.Known(a.DSG, &f)
		if err != nil {
			return o, err
		}
		if done, err := a.refuteKnown(a.explain.With(f), l, known, &o); done || err != nil {
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
	if broken, err := l.Breaks(a.Guard, complete); err != nil {
		return o, err
	} else if !broken {
		o.Status = checkers.Held
		o.Algorithm = "a version order that fits"
		return o, nil
	}
	ok, v, err := order.Search(a.DSG, &l.Rule, known, guess)
	switch {
	case guard.IsBudget(err):
		return notSolved(err.Error()), nil
	case err != nil:
		return Decision{}, err
	case ok:
		return Decision{Status: checkers.Held, Algorithm: "a version order found by search"}, nil
	}
	return Decision{Status: checkers.Violated, Total: 1, Algorithm: "search over version orders", Violations: []checkers.Violation{v}}, nil
}

// forcedBy runs the axiom of transactional causal consistency with the model's
// order base, which the model implies. Without an order base there are no chains
// to follow the past by, and only what was read directly is looked at.
func (a *analysis) forcedBy(l *Level, o *Decision) (*weak.Axiom, bool, error) {
	lean, err := a.LeanGraph(l.Base)
	if err != nil {
		return nil, false, err
	}
	topo, ok := graph.Topological(lean)
	if !ok {
		// The known graph had no cycle, and lean is a part of it.
		return nil, false, errNoCycle
	}
	vis := weak.SeenCausally
	if l.Base == graph.BaseNone {
		vis = weak.SeenDirectly
	}
	w := weak.New(a.IR, vis, l.Base, lean, topo)
	if err := w.Derive(); err != nil {
		return nil, false, err
	}
	if w.Broken > 0 {
		return w, true, a.staleReads(o, w)
	}
	return w, false, nil
}

// refuteKnown looks for what the model forbids in the graph known.
func (a *analysis) refuteKnown(ex *explain.Explainer, l *Level, known *graph.Graph, o *Decision) (bool, error) {
	if l.OneRW {
		c, err := l.Cycle(a.Guard, known)
		if err != nil || c == nil {
			return false, err
		}
		v, err := ex.Cycle(c, graph.AfterOne(l.Automaton.Mask))
		if err != nil {
			return false, err
		}
		o.Status, o.Total, o.Violations = checkers.Violated, o.Total+1, append(o.Violations, v)
		return true, nil
	}
	comps, err := graph.Components(a.Guard, known, l.Automaton)
	if err != nil || len(comps) == 0 {
		return false, err
	}
	o.Status = checkers.Violated
	return true, a.witnesses(ex, o, known, nil, comps, l.Automaton, a.narrower(l))
}

// notSolved is the outcome when the search is not possible within its bounds.
func notSolved(why string) Decision {
	return Decision{
		Status:    checkers.Inconclusive,
		Algorithm: "forced version orders, a guessed order",
		Reasons: []string{fmt.Sprintf("the order of some versions was not observed: what is known does not refute the level, the order that was guessed does not prove it, and %s; "+
			"a workload that reads every key before writing it, or appends to lists, can always be decided", why)},
	}
}
