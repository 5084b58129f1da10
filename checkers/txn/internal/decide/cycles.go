package decide

import (
	"errors"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/txn/internal/explain"
	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
)

var errNoCycle = errors.New("a component without a cycle was found, which is a mistake in the checker")

const productSearch = "strongly connected components of graph and automaton"

// decideGraph decides the models that an automaton describes.
func (a *analysis) decideGraph(l *Level) (Decision, error) {
	if err := a.graphs(); err != nil {
		return Decision{}, err
	}
	comps, err := graph.Components(a.Guard, a.core, l.Automaton)
	if err != nil {
		return Decision{}, err
	}
	o := Decision{Status: checkers.Held, Algorithm: productSearch}
	if len(comps) > 0 {
		o.Status = checkers.Violated
		err := a.witnesses(a.explain, &o, a.core, a.ids, comps, l.Automaton, a.narrower(l))
		return o, err
	}
	if !a.open(l) {
		return o, nil
	}
	return a.decideOpen(l)
}

// open tells whether the level depends on version orders that are not known.
func (a *analysis) open(l *Level) bool {
	if l.NoOrder {
		return false
	}
	if a.openRegisters {
		return true
	}
	// Unobserved appends have no readers: along any topological order they are
	// harmless, except where concurrent writers of a key are forbidden.
	return a.openLists && (l.OneRW || l.Automaton.States == 2 && l.Automaton.Next(0, graph.KindRW) >= 0)
}

// narrower are automata that accept only part of what the model forbids, the
// plainest first, so that a witness needs as little as possible.
func (a *analysis) narrower(l *Level) []*graph.Automaton {
	var out []*graph.Automaton
	forbids := func(k graph.Kind) bool { return l.Automaton.Mask&k != 0 }
	for _, base := range []graph.Kind{graph.BaseNone, graph.BaseSession, graph.BaseRealtime} {
		if base&^l.Base != 0 {
			break
		}
		if l.Automaton.States == 2 && l.Automaton.Next(0, graph.KindRW) < 0 {
			out = append(out, graph.Plain(graph.KindVersion|graph.KindWR|base), graph.Prefixed(base))
			continue
		}
		out = append(out, graph.Plain(graph.KindWW|base))
		if forbids(graph.KindWR) {
			out = append(out, graph.Plain(graph.KindVersion|graph.KindWR|base))
		}
		if forbids(graph.KindRW) && forbids(graph.KindRWP) {
			out = append(out, graph.AfterOne(graph.KindVersion|graph.KindWR|base))
		}
		if forbids(graph.KindRW) && l.Automaton.States == 1 {
			out = append(out, graph.Plain(l.Automaton.Mask&(graph.KindVersion|graph.KindWR|graph.KindAnyRW)|base))
		}
	}
	return out
}

// witnesses finds a cycle in each of the first components.
func (a *analysis) witnesses(ex *explain.Explainer, o *Decision, g *graph.Graph, ids []int32, comps [][]int32, full *graph.Automaton, narrower []*graph.Automaton) error {
	o.Total += len(comps)
	for i, comp := range comps {
		if i >= a.Guard.Max {
			break
		}
		v, err := a.witness(ex, g, ids, comp, full, narrower)
		if err != nil {
			return err
		}
		if v != nil {
			o.Violations = append(o.Violations, *v)
		}
	}
	if len(o.Violations) == 0 {
		// Every component has a cycle; not to find one would be an error here.
		o.Total = 0
		return errNoCycle
	}
	sortViolations(o.Violations)
	return nil
}

func (a *analysis) witness(ex *explain.Explainer, g *graph.Graph, ids, comp []int32, full *graph.Automaton, narrower []*graph.Automaton) (*checkers.Violation, error) {
	var nodes []int32
	for _, p := range comp {
		if v := p / full.States; len(nodes) == 0 || nodes[len(nodes)-1] != v {
			nodes = append(nodes, v)
		}
	}
	sub, err := g.Subgraph(a.Guard, nodes)
	if err != nil {
		return nil, err
	}
	for _, auto := range append(slices.Clone(narrower), full) {
		inner, err := graph.Components(a.Guard, sub, auto)
		if err != nil {
			return nil, err
		}
		if len(inner) == 0 {
			continue
		}
		c, err := graph.ShortestCycle(a.Guard, sub, auto, inner[0])
		if err != nil {
			return nil, err
		}
		if c == nil {
			continue
		}
		for i := range c {
			c[i].From, c[i].To = nodes[c[i].From], nodes[c[i].To]
			if ids != nil {
				c[i].From, c[i].To = ids[c[i].From], ids[c[i].To]
			}
		}
		v, err := ex.Cycle(c, full)
		return &v, err
	}
	return nil, nil
}

func sortViolations(vs []checkers.Violation) {
	slices.SortStableFunc(vs, func(x, y checkers.Violation) int { return len(x.Ops) - len(y.Ops) })
}

// decidePSI decides whether (base+ww+wr)+;rw? is irreflexive: no cycle without
// rw, none with exactly one.
func (a *analysis) decidePSI(l *Level) (Decision, error) {
	if err := a.graphs(); err != nil {
		return Decision{}, err
	}
	o := Decision{Status: checkers.Held, Algorithm: productSearch}
	comps, err := graph.Components(a.Guard, a.core, l.Automaton)
	if err != nil {
		return Decision{}, err
	}
	if len(comps) > 0 {
		o.Status = checkers.Violated
		err := a.witnesses(a.explain, &o, a.core, a.ids, comps, l.Automaton, a.narrower(l))
		return o, err
	}
	// A cycle with one rw has no two in a row.
	comps, err = graph.Components(a.Guard, a.core, graph.AfterOne(l.Automaton.Mask))
	if err != nil {
		return Decision{}, err
	}
	for _, comp := range comps {
		var nodes []int32
		for _, p := range comp {
			if v := p / 2; len(nodes) == 0 || nodes[len(nodes)-1] != v {
				nodes = append(nodes, v)
			}
		}
		sub, err := a.core.Subgraph(a.Guard, nodes)
		if err != nil {
			return o, err
		}
		c, err := graph.SingleRW(a.Guard, sub, l.Automaton.Mask)
		if err != nil {
			return o, err
		}
		if c == nil {
			continue
		}
		o.Status = checkers.Violated
		o.Total++
		if len(o.Violations) >= a.Guard.Max {
			continue
		}
		for i := range c {
			c[i].From, c[i].To = a.ids[nodes[c[i].From]], a.ids[nodes[c[i].To]]
		}
		v, err := a.explain.Cycle(c, graph.AfterOne(l.Automaton.Mask))
		if err != nil {
			return o, err
		}
		o.Violations = append(o.Violations, v)
	}
	if o.Total > 0 {
		sortViolations(o.Violations)
		return o, nil
	}
	if !a.open(l) {
		return o, nil
	}
	return a.decideOpen(l)
}
