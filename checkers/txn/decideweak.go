package txn

import (
	"cmp"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
	"github.com/lapse-test/lapse/checkers/txn/internal/guard"
)

// decideWeak decides a level of Biswas and Enea.
func (a *analysis) decideWeak(m *model) (outcome, error) {
	if a.onlyLists() {
		// Places tell everything about the versions of lists, so that a
		// violation is a cycle, and only what lies on cycles need be looked at.
		if err := a.graphs(); err != nil {
			return outcome{}, err
		}
		var keep []int32
		for _, v := range a.ids {
			if int(v) < a.n {
				keep = append(keep, v)
			}
		}
		if len(keep) == 0 {
			return outcome{status: checkers.Held, algorithm: productSearch}, nil
		}
		// Released with the rest of what this level takes.
		if err := a.gd.Reserve(a.ir.projectionSize(len(keep))); err != nil {
			return outcome{}, err
		}
		part := &analysis{dsg: a.ir.project(keep).newDSG(), gd: a.gd, versionsOf: a.versionsOf}
		return part.decideWeakly(m)
	}
	return a.decideWeakly(m)
}

// onlyLists tells whether no key is a register.
func (a *analysis) onlyLists() bool {
	for w := range a.writes {
		if !a.lists[a.writes[w].key] {
			return false
		}
	}
	return a.anyList
}

func (a *analysis) decideWeakly(m *model) (outcome, error) {
	lean, err := a.leanGraph(m.base)
	if err != nil {
		return outcome{}, err
	}
	o := outcome{status: checkers.Held, algorithm: "commit order forced by the level's axiom (AWDIT)"}
	order, ok := graph.Topological(lean)
	if !ok {
		return o, a.weakCycles(&o, lean, a.narrowerWeak(m.base))
	}
	w := &weak{ir: a.ir, vis: m.vis, base: m.base, lean: lean, order: order}
	w.sortWrites()
	if err := w.axiom(); err != nil {
		if w.broken > 0 {
			return o, a.staleReads(&o, w)
		}
		return o, err
	}
	if w.broken > 0 {
		return o, a.staleReads(&o, w)
	}
	if len(w.forced) == 0 {
		return o, nil
	}
	full, err := graph.Make(a.gd, a.n, lean.Nodes(), func(edge func(from, to int32, k graph.Kind)) error {
		for v := range int32(lean.Nodes()) {
			to, kinds := lean.Edges(v)
			for j, u := range to {
				edge(v, u, kinds[j])
			}
		}
		for _, f := range w.forced {
			edge(f.from, f.to, graph.KindCO)
		}
		return nil
	})
	if err != nil {
		return o, err
	}
	if _, ok := graph.Topological(full); ok {
		return o, nil
	}
	a.forced, a.via, a.axiom = w.forced, w.path, m.vis
	defer func() { a.forced, a.via = nil, nil }()
	return o, a.weakCycles(&o, full, a.narrowerWeak(m.base))
}

func (a *analysis) narrowerWeak(base graph.Kind) []*graph.Automaton {
	out := []*graph.Automaton{graph.Plain(graph.KindWW), graph.Plain(graph.KindWW | graph.KindWR)}
	if base&graph.KindSO != 0 {
		out = append(out, graph.Plain(graph.KindWW|graph.KindWR|graph.KindSO))
	}
	return append(out, graph.Plain(graph.KindWW|graph.KindWR|graph.KindCO|base&graph.KindSO))
}

// weakCycles reports the cycles of g.
func (a *analysis) weakCycles(o *outcome, g *graph.Graph, narrower []*graph.Automaton) error {
	all := graph.Plain(graph.KindAll)
	comps, err := graph.Components(a.gd, g, all)
	if err != nil {
		return err
	}
	o.status = checkers.Violated
	return a.witnesses(o, g, nil, comps, all, narrower)
}

func (v visibility) anomaly() string {
	switch v {
	case seenBefore:
		return AnomalyNonMonotonic
	case seenDirectly:
		return AnomalyFractured
	}
	return AnomalyCausal
}

// path is how reader came to know of t2: the shortest way by what the level
// counts as visible.
func (w *weak) path(t2, reader int32) ([]graph.Edge, error) {
	mask := w.base | graph.KindWR | graph.KindEps
	switch w.vis {
	case seenBefore:
		return []graph.Edge{{From: t2, To: reader, Kind: graph.KindWR}}, nil
	case seenDirectly:
		for _, e := range w.externals(reader) {
			if e.source == t2 {
				return []graph.Edge{{From: t2, To: reader, Kind: graph.KindWR}}, nil
			}
		}
		for u := w.soPrev[reader]; u >= 0; u = w.soPrev[u] {
			if u == t2 {
				return []graph.Edge{{From: t2, To: reader, Kind: graph.KindSO}}, nil
			}
		}
		return []graph.Edge{{From: t2, To: reader, Kind: graph.KindRT}}, nil
	}
	if w.visible == nil {
		only, err := w.lean.Restrict(w.guard, mask)
		if err != nil {
			return nil, err
		}
		w.visible = only
	}
	hops, err := graph.ShortestPath(w.guard, w.visible, t2, reader)
	if err != nil || hops == nil {
		return nil, err
	}
	return joinSessions(w.ir, graph.Contract(w.lean, hops)), nil
}

// joinSessions makes one edge of session edges in a row.
func joinSessions(r *ir, c []graph.Edge) []graph.Edge {
	var out []graph.Edge
	for _, e := range c {
		if n := len(out); n > 0 && e.Kind == graph.KindSO && out[n-1].Kind == graph.KindSO {
			out[n-1].To = e.To
			continue
		}
		out = append(out, e)
	}
	return out
}

// maxPaths is for how many stale reads the path is worked out to choose the
// shortest from.
const maxPaths = 32

// staleReads reports reads of an older version than one that was visible.
func (a *analysis) staleReads(o *outcome, w *weak) error {
	o.status = checkers.Violated
	o.total += w.broken
	stale := slices.Clone(w.stale)
	slices.SortFunc(stale, func(x, y forcedOrder) int {
		return cmp.Or(cmp.Compare(x.reader, y.reader), cmp.Compare(x.from, y.from), cmp.Compare(x.key, y.key))
	})
	stale = slices.Compact(stale)
	if len(stale) > maxPaths {
		stale = stale[:maxPaths]
	}
	for _, s := range stale {
		p, err := w.path(s.from, s.reader)
		if err != nil {
			if len(o.violations) > 0 && guard.IsBudget(err) {
				break
			}
			return err
		}
		c := append(p, graph.Edge{From: s.reader, To: s.from, Kind: graph.KindRW})
		if err := a.verify(c, graph.Plain(graph.KindAll)); err != nil {
			return err
		}
		name := w.vis.anomaly()
		for _, e := range p {
			if e.Kind == graph.KindRT {
				name += overRealtime
				break
			}
		}
		v := a.violation(c, name)
		v.Certified = certifiedBy
		v.Session = a.opOf(s.reader).Session
		o.violations = append(o.violations, v)
	}
	sortViolations(o.violations)
	if len(o.violations) > a.gd.Max {
		o.violations = o.violations[:a.gd.Max]
	}
	return nil
}
