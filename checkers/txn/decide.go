package txn

import (
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
)

const productSearch = "strongly connected components of graph and automaton"

// decideGraph decides the models that an automaton describes.
func (a *analysis) decideGraph(m *model) (outcome, error) {
	if err := a.graphs(); err != nil {
		return outcome{}, err
	}
	comps, err := graph.Components(a.gd, a.core, m.automaton)
	if err != nil {
		return outcome{}, err
	}
	o := outcome{status: checkers.Held, algorithm: productSearch}
	if len(comps) > 0 {
		o.status = checkers.Violated
		err := a.witnesses(&o, a.core, a.ids, comps, m.automaton, a.narrower(m))
		return o, err
	}
	if !a.open(m) {
		return o, nil
	}
	return a.decideOpen(m)
}

// open tells whether the level depends on version orders that are not known.
func (a *analysis) open(m *model) bool {
	if m.noOrder {
		return false
	}
	if a.openRegisters {
		return true
	}
	// Unobserved appends have no readers: along any topological order they are
	// harmless, except where concurrent writers of a key are forbidden.
	return a.openLists && (m.level == levelPSI || m.automaton.States == 2 && m.automaton.Next(0, graph.KindRW) >= 0)
}

// narrower are automata that accept only part of what the model forbids, the
// plainest first, so that a witness needs as little as possible.
func (a *analysis) narrower(m *model) []*graph.Automaton {
	var out []*graph.Automaton
	forbids := func(k graph.Kind) bool { return m.automaton.Mask&k != 0 }
	for _, base := range []graph.Kind{baseNone, baseSession, baseRealtime} {
		if base&^m.base != 0 {
			break
		}
		if m.automaton.States == 2 && m.automaton.Next(0, graph.KindRW) < 0 {
			out = append(out, graph.Plain(kindVersion|graph.KindWR|base), graph.Prefixed(base))
			continue
		}
		out = append(out, graph.Plain(graph.KindWW|base))
		if forbids(graph.KindWR) {
			out = append(out, graph.Plain(kindVersion|graph.KindWR|base))
		}
		if forbids(graph.KindRW) && forbids(graph.KindRWP) {
			out = append(out, graph.AfterOne(kindVersion|graph.KindWR|base))
		}
		if forbids(graph.KindRW) && m.automaton.States == 1 {
			out = append(out, graph.Plain(m.automaton.Mask&(kindVersion|graph.KindWR|graph.KindAnyRW)|base))
		}
	}
	return out
}

// witnesses finds a cycle in each of the first components.
func (a *analysis) witnesses(o *outcome, g *graph.Graph, ids []int32, comps [][]int32, full *graph.Automaton, narrower []*graph.Automaton) error {
	o.total += len(comps)
	for i, comp := range comps {
		if i >= a.gd.Max {
			break
		}
		v, err := a.witness(g, ids, comp, full, narrower)
		if err != nil {
			return err
		}
		if v != nil {
			o.violations = append(o.violations, *v)
		}
	}
	if len(o.violations) == 0 {
		// Every component has a cycle; not to find one would be an error here.
		o.total = 0
		return errNoCycle
	}
	sortViolations(o.violations)
	return nil
}

func (a *analysis) witness(g *graph.Graph, ids, comp []int32, full *graph.Automaton, narrower []*graph.Automaton) (*checkers.Violation, error) {
	var nodes []int32
	for _, p := range comp {
		if v := p / full.States; len(nodes) == 0 || nodes[len(nodes)-1] != v {
			nodes = append(nodes, v)
		}
	}
	sub, err := g.Subgraph(a.gd, nodes)
	if err != nil {
		return nil, err
	}
	for _, auto := range append(slices.Clone(narrower), full) {
		inner, err := graph.Components(a.gd, sub, auto)
		if err != nil {
			return nil, err
		}
		if len(inner) == 0 {
			continue
		}
		c, err := graph.ShortestCycle(a.gd, sub, auto, inner[0])
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
		c = a.short(c, full)
		if err := a.verify(c, full); err != nil {
			return nil, err
		}
		v := a.violation(c, a.classify(c))
		v.Certified = certifiedBy
		return &v, nil
	}
	return nil, nil
}

func sortViolations(vs []checkers.Violation) {
	slices.SortStableFunc(vs, func(x, y checkers.Violation) int { return len(x.Ops) - len(y.Ops) })
}

// decidePSI decides whether (base+ww+wr)+;rw? is irreflexive: no cycle without
// rw, none with exactly one.
func (a *analysis) decidePSI(m *model) (outcome, error) {
	if err := a.graphs(); err != nil {
		return outcome{}, err
	}
	o := outcome{status: checkers.Held, algorithm: productSearch}
	comps, err := graph.Components(a.gd, a.core, m.automaton)
	if err != nil {
		return outcome{}, err
	}
	if len(comps) > 0 {
		o.status = checkers.Violated
		err := a.witnesses(&o, a.core, a.ids, comps, m.automaton, a.narrower(m))
		return o, err
	}
	// A cycle with one rw has no two in a row.
	comps, err = graph.Components(a.gd, a.core, graph.AfterOne(m.automaton.Mask))
	if err != nil {
		return outcome{}, err
	}
	for _, comp := range comps {
		var nodes []int32
		for _, p := range comp {
			if v := p / 2; len(nodes) == 0 || nodes[len(nodes)-1] != v {
				nodes = append(nodes, v)
			}
		}
		sub, err := a.core.Subgraph(a.gd, nodes)
		if err != nil {
			return o, err
		}
		c, err := graph.SingleRW(a.gd, sub, m.automaton.Mask)
		if err != nil {
			return o, err
		}
		if c == nil {
			continue
		}
		o.status = checkers.Violated
		o.total++
		if len(o.violations) >= a.gd.Max {
			continue
		}
		for i := range c {
			c[i].From, c[i].To = a.ids[nodes[c[i].From]], a.ids[nodes[c[i].To]]
		}
		c = a.short(c, graph.AfterOne(m.automaton.Mask))
		if err := a.verify(c, graph.AfterOne(m.automaton.Mask)); err != nil {
			return o, err
		}
		v := a.violation(c, a.classify(c))
		v.Certified = certifiedBy
		o.violations = append(o.violations, v)
	}
	if o.total > 0 {
		sortViolations(o.violations)
		return o, nil
	}
	if !a.open(m) {
		return o, nil
	}
	return a.decideOpen(m)
}
