package order

import (
	"github.com/lapse-test/lapse/checkers/txn/internal/dsg"
	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
	"github.com/lapse-test/lapse/checkers/txn/internal/ir"
	"github.com/lapse-test/lapse/history"
)

// Version is a version of a key.
type Version struct {
	// Node is its writer, -1 for the initial one, Readers who read it, and Pos its
	// place in the order of a list.
	Node    int32
	Readers []int32
	Pos     int32
}

// Open are the versions of each key, with those whose order is known and without what
// the rule r does not look at.
func Open(d *dsg.DSG, r *graph.Rule) [][]Version {
	predicates := r.Automaton.Mask&graph.KindRWP != 0
	out := make([][]Version, d.Keys)
	at := make([]int32, len(d.Writes)) // the place of a write in out
	for w := range d.Writes {
		at[w] = -1
		wr := &d.Writes[w]
		v := d.Node[wr.Op]
		if v < 0 || !wr.Final {
			continue
		}
		pos := int32(0)
		if d.Lists[wr.Key] {
			if pos = d.PlaceOf(int32(w)); pos == ir.Unplaced {
				continue
			}
		}
		at[w] = int32(len(out[wr.Key]))
		out[wr.Key] = append(out[wr.Key], Version{Node: v, Pos: pos})
	}
	initial := make([][]int32, d.Keys)
	for v := range int32(d.N) {
		mops, mop := d.Mops(d.Op[v])
		for j := range mops {
			m := &mops[j]
			if m.Flags&history.Predicate != 0 && !predicates {
				continue
			}
			w := d.ReadFrom(m, mop+int32(j))
			k := m.Key
			switch {
			case w == ir.FromInit:
				initial[k] = append(initial[k], v)
			case w >= 0 && at[w] >= 0:
				x := &out[k][at[w]]
				x.Readers = append(x.Readers, v)
			}
		}
	}
	for k := range out {
		out[k] = append(out[k], Version{Node: -1, Readers: initial[k], Pos: -1})
	}
	return out
}
