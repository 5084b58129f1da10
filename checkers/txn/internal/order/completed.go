package order

import (
	"cmp"
	"slices"

	"github.com/lapse-test/lapse/checkers/txn/internal/dsg"
	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
	"github.com/lapse-test/lapse/checkers/txn/internal/ir"
	"github.com/lapse-test/lapse/history"
)

// Completed is the graph d, with the forced orders f, in which the versions of every key with an open order
// follow order.
func Completed(d *dsg.DSG, f *dsg.Derived, order []int32) (*graph.Graph, error) {
	rank := make([]int32, d.N)
	for i, v := range order {
		rank[v] = int32(i)
	}
	// The open writers of each key in their order.
	type version struct{ node, write int32 }
	versions := make([][]version, d.Keys)
	for w := range d.Writes {
		wr := &d.Writes[w]
		v := d.Node[wr.Op]
		if v < 0 || !wr.Final || d.Lists[wr.Key] && d.VerPos[w] != ir.Unseen {
			continue
		}
		versions[wr.Key] = append(versions[wr.Key], version{v, int32(w)})
	}
	next := make([]int32, len(d.Writes))
	for i := range next {
		next[i] = -1
	}
	for k := range versions {
		vs := versions[k]
		slices.SortFunc(vs, func(x, y version) int { return cmp.Compare(rank[x.node], rank[y.node]) })
		for i := range len(vs) - 1 {
			next[vs[i].write] = vs[i+1].node
		}
	}
	return graph.Make(d.Guard, d.N, d.Nodes, func(edge func(from, to int32, k graph.Kind)) error {
		if err := d.Emit(edge); err != nil {
			return err
		}
		f.Emit(edge)
		for w, u := range next {
			if u >= 0 && d.Node[d.Writes[w].Op] != u {
				edge(d.Node[d.Writes[w].Op], u, graph.KindWW)
			}
		}
		for v := range int32(d.N) {
			if err := d.Guard.Tick(); err != nil {
				return err
			}
			mops, at := d.Mops(d.Op[v])
			for j := range mops {
				m := &mops[j]
				w := d.From[at+int32(j)]
				if !ir.IsRegisterRead(m) || w < 0 {
					continue
				}
				rw := graph.KindRW
				if m.Flags&history.Predicate != 0 {
					rw = graph.KindRWP
				}
				if u := next[w]; u >= 0 && u != v {
					edge(v, u, rw)
				}
			}
		}
		return nil
	})
}
