package txn

import (
	"fmt"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
)

// decideOpen decides a level whose version orders are not all known, and that
// the known edges do not refute. In order: what causality forces; a guessed
// order, which proves the level if it fits; a bounded search.
func (a *analysis) decideOpen(m *model) (outcome, error) {
	o := outcome{algorithm: "forced version orders"}
	known := a.all
	if a.openRegisters {
		w, done, err := a.forcedBy(m, &o)
		if done || err != nil {
			return o, err
		}
		a.forced, a.via, a.axiom = w.forced, w.path, w.vis
		defer func() { a.forced, a.via = nil, nil }()
		known, err = a.knownGraph()
		if err != nil {
			return o, err
		}
		if done, err := a.refuteKnown(m, known, &o); done || err != nil {
			return o, err
		}
	}
	order, err := a.guessOrder(known)
	if err != nil {
		return o, err
	}
	complete, err := a.completed(order)
	if err != nil {
		return o, err
	}
	if broken, err := a.breaks(m, complete); err != nil {
		return o, err
	} else if !broken {
		o.status = checkers.Held
		o.algorithm = "a version order that fits"
		return o, nil
	}
	return a.solve(m, known, order)
}

// forcedBy runs the axiom of transactional causal consistency with the model's
// order base, which the model implies. Without an order base there are no chains
// to follow the past by, and only what was read directly is looked at.
func (a *analysis) forcedBy(m *model, o *outcome) (*weak, bool, error) {
	lean, err := a.leanGraph(m.base)
	if err != nil {
		return nil, false, err
	}
	topo, ok := graph.Topological(lean)
	if !ok {
		// The known graph had no cycle, and lean is a part of it.
		return nil, false, errNoCycle
	}
	vis := seenCausally
	if m.base == baseNone {
		vis = seenDirectly
	}
	w := &weak{ir: a.ir, vis: vis, base: m.base, lean: lean, order: topo}
	w.sortWrites()
	if err := w.axiom(); err != nil {
		return nil, false, err
	}
	if w.broken > 0 {
		return w, true, a.staleReads(o, w)
	}
	return w, false, nil
}

// readersOf lists, for each write, the nodes that read it.
func (a *analysis) readersOf() (off, readers []int32) {
	off = make([]int32, len(a.writes)+2)
	for v := range int32(a.n) {
		mops, at := a.mops(a.op[v])
		for j := range mops {
			if w := a.from[at+int32(j)]; w >= 0 && !a.lists[mops[j].Key] && isRegisterRead(&mops[j]) {
				off[w+2]++
			}
		}
	}
	for i := 2; i < len(off); i++ {
		off[i] += off[i-1]
	}
	readers = make([]int32, off[len(off)-1])
	for v := range int32(a.n) {
		mops, at := a.mops(a.op[v])
		for j := range mops {
			if w := a.from[at+int32(j)]; w >= 0 && !a.lists[mops[j].Key] && isRegisterRead(&mops[j]) {
				readers[off[w+1]] = v
				off[w+1]++
			}
		}
	}
	return off[:len(a.writes)+1], readers
}

// knownGraph is the graph with the forced orders, and the rw edges that follow
// from them.
func (a *analysis) knownGraph() (*graph.Graph, error) {
	off, readers := a.readersOf()
	writeOf := func(v, k int32) int32 {
		op := a.op[v]
		mops, _ := a.mops(op)
		for j := len(mops) - 1; j >= 0; j-- {
			if int32(mops[j].Key) == k && mops[j].Func.Installs() {
				return a.index.find(mops[j].Key, mops[j].Arg)
			}
		}
		return -1
	}
	return graph.Make(a.gd, a.n, a.nodes, func(edge func(from, to int32, k graph.Kind)) error {
		if err := a.emit(edge); err != nil {
			return err
		}
		for _, f := range a.forced {
			if err := a.gd.Tick(); err != nil {
				return err
			}
			w := writeOf(f.from, f.key)
			if w < 0 {
				continue
			}
			for _, r := range readers[off[w]:off[w+1]] {
				if r != f.to {
					edge(r, f.to, graph.KindRW)
				}
			}
		}
		return nil
	})
}

// refuteKnown looks for what the model forbids in the graph known.
func (a *analysis) refuteKnown(m *model, known *graph.Graph, o *outcome) (bool, error) {
	if m.level == levelPSI {
		c, err := a.psiCycle(m, known)
		if err != nil || c == nil {
			return false, err
		}
		auto := graph.AfterOne(m.automaton.Mask)
		c = a.short(c, auto)
		if err := a.verify(c, auto); err != nil {
			return false, err
		}
		v := a.violation(c, a.classify(c))
		v.Certified = certifiedBy
		o.status, o.total, o.violations = checkers.Violated, o.total+1, append(o.violations, v)
		return true, nil
	}
	comps, err := graph.Components(a.gd, known, m.automaton)
	if err != nil || len(comps) == 0 {
		return false, err
	}
	o.status = checkers.Violated
	return true, a.witnesses(o, known, nil, comps, m.automaton, a.narrower(m))
}

// psiCycle is a cycle that parallel snapshot isolation forbids, nil if there is
// none in g.
func (a *analysis) psiCycle(m *model, g *graph.Graph) ([]graph.Edge, error) {
	comps, err := graph.Components(a.gd, g, m.automaton)
	if err != nil {
		return nil, err
	}
	if len(comps) > 0 {
		return graph.ShortestCycle(a.gd, g, m.automaton, comps[0])
	}
	return graph.SingleRW(a.gd, g, m.automaton.Mask)
}

// breaks tells whether g, in which all version orders are chosen, breaks the
// model.
func (a *analysis) breaks(m *model, g *graph.Graph) (bool, error) {
	if m.level == levelPSI {
		c, err := a.psiCycle(m, g)
		return c != nil, err
	}
	comps, err := graph.Components(a.gd, g, m.automaton)
	return len(comps) > 0, err
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
