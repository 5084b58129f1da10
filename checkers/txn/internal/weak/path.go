package weak

import (
	"github.com/lapse-test/lapse/checkers/txn/internal/anomaly"
	"github.com/lapse-test/lapse/checkers/txn/internal/dsg"
	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
	"github.com/lapse-test/lapse/checkers/txn/internal/ir"
)

// Anomaly names the anomaly that the axiom of the visibility forbids.
func (v Visibility) Anomaly() string {
	switch v {
	case SeenBefore:
		return anomaly.NonMonotonic
	case SeenDirectly:
		return anomaly.Fractured
	}
	return anomaly.Causal
}

// Path returns the edges by which reader came to know of t2: the shortest way by what the level
// counts as visible.
func (w *Axiom) Path(t2, reader int32) ([]graph.Edge, error) {
	mask := w.base | graph.KindWR | graph.KindEps
	switch w.Vis {
	case SeenBefore:
		return []graph.Edge{{From: t2, To: reader, Kind: graph.KindWR}}, nil
	case SeenDirectly:
		for _, e := range w.Externals(reader) {
			if e.Source == t2 {
				return []graph.Edge{{From: t2, To: reader, Kind: graph.KindWR}}, nil
			}
		}
		for u := w.SoPrev[reader]; u >= 0; u = w.SoPrev[u] {
			if u == t2 {
				return []graph.Edge{{From: t2, To: reader, Kind: graph.KindSO}}, nil
			}
		}
		return []graph.Edge{{From: t2, To: reader, Kind: graph.KindRT}}, nil
	}
	if w.visible == nil {
		only, err := w.lean.Restrict(w.Guard, mask)
		if err != nil {
			return nil, err
		}
		w.visible = only
	}
	hops, err := graph.ShortestPath(w.Guard, w.visible, t2, reader)
	if err != nil || hops == nil {
		return nil, err
	}
	return joinSessions(w.IR, graph.Contract(w.lean, hops)), nil
}

// joinSessions makes one edge of session edges in a row.
func joinSessions(r *ir.IR, c []graph.Edge) []graph.Edge {
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

// Derived are the forced orders with how their readers knew.
func (w *Axiom) Derived() dsg.Derived {
	return dsg.Derived{Orders: w.Forced, Know: w.Path, Anomaly: w.Vis.Anomaly()}
}
