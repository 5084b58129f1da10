package decide

import (
	"cmp"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/txn/internal/dsg"
	"github.com/lapse-test/lapse/checkers/txn/internal/explain"
	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
	"github.com/lapse-test/lapse/checkers/txn/internal/guard"
	"github.com/lapse-test/lapse/checkers/txn/internal/weak"
)

// decideWeak decides a level of Biswas and Enea.
func (a *analysis) decideWeak(l *Level) (Decision, error) {
	if a.onlyLists() {
		// Places tell everything about the versions of lists, so that a
		// violation is a cycle, and only what lies on cycles need be looked at.
		if err := a.graphs(); err != nil {
			return Decision{}, err
		}
		var keep []int32
		for _, v := range a.ids {
			if int(v) < a.N {
				keep = append(keep, v)
			}
		}
		if len(keep) == 0 {
			return Decision{Status: checkers.Held, Algorithm: productSearch}, nil
		}
		// Released with the rest of what this level takes.
		if err := a.Guard.Reserve(a.ProjectionSize(len(keep))); err != nil {
			return Decision{}, err
		}
		d := dsg.New(a.Project(keep))
		part := &analysis{DSG: d, explain: a.explain.Of(d)}
		return part.decideWeakly(l)
	}
	return a.decideWeakly(l)
}

// onlyLists tells whether no key is a register.
func (a *analysis) onlyLists() bool {
	for w := range a.Writes {
		if !a.Lists[a.Writes[w].Key] {
			return false
		}
	}
	return a.AnyList
}

func (a *analysis) decideWeakly(l *Level) (Decision, error) {
	lean, err := a.LeanGraph(l.Base)
	if err != nil {
		return Decision{}, err
	}
	o := Decision{Status: checkers.Held, Algorithm: "commit order forced by the level's axiom (AWDIT)"}
	order, ok := graph.Topological(lean)
	if !ok {
		return o, a.weakCycles(a.explain, &o, lean, a.narrowerWeak(l.Base))
	}
	w := weak.New(a.IR, l.Vis, l.Base, lean, order)
	if err := w.Derive(); err != nil {
		if w.Broken > 0 {
			return o, a.staleReads(&o, w)
		}
		return o, err
	}
	if w.Broken > 0 {
		return o, a.staleReads(&o, w)
	}
	if len(w.Forced) == 0 {
		return o, nil
	}
	full, err := graph.Make(a.Guard, a.N, lean.Nodes(), func(edge func(from, to int32, k graph.Kind)) error {
		for v := range int32(lean.Nodes()) {
			to, kinds := lean.Edges(v)
			for j, u := range to {
				edge(v, u, kinds[j])
			}
		}
		for _, f := range w.Forced {
			edge(f.From, f.To, graph.KindCO)
		}
		return nil
	})
	if err != nil {
		return o, err
	}
	if _, ok := graph.Topological(full); ok {
		return o, nil
	}
	return o, a.weakCycles(a.explain.With(w.Derived()), &o, full, a.narrowerWeak(l.Base))
}

func (a *analysis) narrowerWeak(base graph.Kind) []*graph.Automaton {
	out := []*graph.Automaton{graph.Plain(graph.KindWW), graph.Plain(graph.KindWW | graph.KindWR)}
	if base&graph.KindSO != 0 {
		out = append(out, graph.Plain(graph.KindWW|graph.KindWR|graph.KindSO))
	}
	return append(out, graph.Plain(graph.KindWW|graph.KindWR|graph.KindCO|base&graph.KindSO))
}

// weakCycles reports the cycles of g.
func (a *analysis) weakCycles(ex *explain.Explainer, o *Decision, g *graph.Graph, narrower []*graph.Automaton) error {
	all := graph.Plain(graph.KindAll)
	comps, err := graph.Components(a.Guard, g, all)
	if err != nil {
		return err
	}
	o.Status = checkers.Violated
	return a.witnesses(ex, o, g, nil, comps, all, narrower)
}

// maxPaths is for how many stale reads the path is worked out to choose the
// shortest from.
const maxPaths = 32

// staleReads reports reads of an older version than one that was visible.
func (a *analysis) staleReads(o *Decision, w *weak.Axiom) error {
	o.Status = checkers.Violated
	o.Total += w.Broken
	stale := slices.Clone(w.Stale)
	slices.SortFunc(stale, func(x, y dsg.Forced) int {
		return cmp.Or(cmp.Compare(x.Reader, y.Reader), cmp.Compare(x.From, y.From), cmp.Compare(x.Key, y.Key))
	})
	stale = slices.Compact(stale)
	if len(stale) > maxPaths {
		stale = stale[:maxPaths]
	}
	for _, s := range stale {
		p, err := w.Path(s.From, s.Reader)
		if err != nil {
			if len(o.Violations) > 0 && guard.IsBudget(err) {
				break
			}
			return err
		}
		v, err := a.explain.StaleRead(p, s.From, s.Reader, w.Vis.Anomaly())
		if err != nil {
			return err
		}
		o.Violations = append(o.Violations, v)
	}
	sortViolations(o.Violations)
	if len(o.Violations) > a.Guard.Max {
		o.Violations = o.Violations[:a.Guard.Max]
	}
	return nil
}
