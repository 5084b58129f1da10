package txn

import (
	"slices"

	"github.com/lapse-test/lapse/checkers"
)

const productSearch = "strongly connected components of graph and automaton"

// decideGraph decides the models that an automaton describes.
func (a *analysis) decideGraph(m *model) (outcome, error) {
	if err := a.graphs(); err != nil {
		return outcome{}, err
	}
	comps, err := components(a.gd, a.core, m.automaton)
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
	return a.openLists && (m.level == levelPSI || m.automaton.states == 2 && m.automaton.next(0, kindRW) >= 0)
}

// narrower are automata that accept only part of what the model forbids, the
// plainest first, so that a witness needs as little as possible.
func (a *analysis) narrower(m *model) []*automaton {
	var out []*automaton
	forbids := func(k kind) bool { return m.automaton.mask&k != 0 }
	for _, base := range []kind{baseNone, baseSession, baseRealtime} {
		if base&^m.base != 0 {
			break
		}
		if m.automaton.states == 2 && m.automaton.next(0, kindRW) < 0 {
			out = append(out, plain(kindVersion|kindWR|base), prefixed(base))
			continue
		}
		out = append(out, plain(kindWW|base))
		if forbids(kindWR) {
			out = append(out, plain(kindVersion|kindWR|base))
		}
		if forbids(kindRW) && forbids(kindRWP) {
			out = append(out, afterOne(kindVersion|kindWR|base))
		}
		if forbids(kindRW) && m.automaton.states == 1 {
			out = append(out, plain(m.automaton.mask&(kindVersion|kindWR|kindAnyRW)|base))
		}
	}
	return out
}

// witnesses finds a cycle in each of the first components.
func (a *analysis) witnesses(o *outcome, g *graph, ids []int32, comps [][]int32, full *automaton, narrower []*automaton) error {
	o.total += len(comps)
	for i, comp := range comps {
		if i >= a.gd.max {
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

func (a *analysis) witness(g *graph, ids, comp []int32, full *automaton, narrower []*automaton) (*checkers.Violation, error) {
	var nodes []int32
	for _, p := range comp {
		if v := p / full.states; len(nodes) == 0 || nodes[len(nodes)-1] != v {
			nodes = append(nodes, v)
		}
	}
	sub, err := g.subgraph(a.gd, nodes)
	if err != nil {
		return nil, err
	}
	for _, auto := range append(slices.Clone(narrower), full) {
		inner, err := components(a.gd, sub, auto)
		if err != nil {
			return nil, err
		}
		if len(inner) == 0 {
			continue
		}
		c, err := shortestCycle(a.gd, sub, auto, inner[0])
		if err != nil {
			return nil, err
		}
		if c == nil {
			continue
		}
		for i := range c {
			c[i].from, c[i].to = nodes[c[i].from], nodes[c[i].to]
			if ids != nil {
				c[i].from, c[i].to = ids[c[i].from], ids[c[i].to]
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
	comps, err := components(a.gd, a.core, m.automaton)
	if err != nil {
		return outcome{}, err
	}
	if len(comps) > 0 {
		o.status = checkers.Violated
		err := a.witnesses(&o, a.core, a.ids, comps, m.automaton, a.narrower(m))
		return o, err
	}
	// A cycle with one rw has no two in a row.
	comps, err = components(a.gd, a.core, afterOne(m.automaton.mask))
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
		sub, err := a.core.subgraph(a.gd, nodes)
		if err != nil {
			return o, err
		}
		c, err := singleRW(a.gd, sub, m.automaton.mask)
		if err != nil {
			return o, err
		}
		if c == nil {
			continue
		}
		o.status = checkers.Violated
		o.total++
		if len(o.violations) >= a.gd.max {
			continue
		}
		for i := range c {
			c[i].from, c[i].to = a.ids[nodes[c[i].from]], a.ids[nodes[c[i].to]]
		}
		c = a.short(c, afterOne(m.automaton.mask))
		if err := a.verify(c, afterOne(m.automaton.mask)); err != nil {
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
