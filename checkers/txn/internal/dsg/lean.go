package dsg

import "github.com/lapse-test/lapse/checkers/txn/internal/graph"

// LeanGraph holds only the base order, wr, and the ww of lists.
func (d *DSG) LeanGraph(base graph.Kind) (*graph.Graph, error) {
	if base&graph.KindRT != 0 || d.AnyList {
		d.Prepare()
	}
	nodes := d.N
	if base&graph.KindRT != 0 {
		nodes += d.rt.barriers
	}
	return graph.Make(d.Guard, d.N, nodes, func(edge func(from, to int32, k graph.Kind)) error {
		if base&graph.KindRT != 0 {
			d.rt.emit(int32(d.N), edge)
		}
		for v := range int32(d.N) {
			if err := d.Guard.Tick(); err != nil {
				return err
			}
			if p := d.SoPrev[v]; p >= 0 && base&graph.KindSO != 0 {
				edge(p, v, graph.KindSO)
			}
			for _, e := range d.Externals(v) {
				if e.Source >= 0 && e.Source != v {
					edge(e.Source, v, graph.KindWR)
				}
			}
		}
		for k := range int32(d.Keys) {
			if d.Lists[k] {
				d.emitObserved(k, edge)
			}
		}
		return nil
	})
}

// emitObserved gives the ww edges between the observed versions of a list, and
// from the last of them to the unobserved ones if those are few; what is
// unobserved is compared by its place.
func (d *DSG) emitObserved(k int32, edge func(from, to int32, k graph.Kind)) {
	last := d.emitChain(k, edge)
	if last < 0 {
		return
	}
	for _, m := range d.hubs[k].Members {
		if m != last {
			edge(last, m, graph.KindWW)
		}
	}
}
