// Package order is about versions whose order was not observed: what follows from
// forced orders, a guessed order of everything, and a bounded search over the rest.
package order

import (
	"github.com/lapse-test/lapse/checkers/txn/internal/dsg"
	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
	"github.com/lapse-test/lapse/checkers/txn/internal/ir"
)

// readersOf lists, for each write, the nodes that read it.
func readersOf(d *dsg.DSG) (off, readers []int32) {
	off = make([]int32, len(d.Writes)+2)
	for v := range int32(d.N) {
		mops, at := d.Mops(d.Op[v])
		for j := range mops {
			if w := d.From[at+int32(j)]; w >= 0 && !d.Lists[mops[j].Key] && ir.IsRegisterRead(&mops[j]) {
				off[w+2]++
			}
		}
	}
	for i := 2; i < len(off); i++ {
		off[i] += off[i-1]
	}
	readers = make([]int32, off[len(off)-1])
	for v := range int32(d.N) {
		mops, at := d.Mops(d.Op[v])
		for j := range mops {
			if w := d.From[at+int32(j)]; w >= 0 && !d.Lists[mops[j].Key] && ir.IsRegisterRead(&mops[j]) {
				readers[off[w+1]] = v
				off[w+1]++
			}
		}
	}
	return off[:len(d.Writes)+1], readers
}

// Known is the graph d with the forced orders f, and the rw edges that follow
// from them.
func Known(d *dsg.DSG, f *dsg.Derived) (*graph.Graph, error) {
	off, readers := readersOf(d)
	writeOf := func(v, k int32) int32 {
		op := d.Op[v]
		mops, _ := d.Mops(op)
		for j := len(mops) - 1; j >= 0; j-- {
			if int32(mops[j].Key) == k && mops[j].Func.Installs() {
				return d.Index.Find(mops[j].Key, mops[j].Arg)
			}
		}
		return -1
	}
	return graph.Make(d.Guard, d.N, d.Nodes, func(edge func(from, to int32, k graph.Kind)) error {
		if err := d.Emit(edge); err != nil {
			return err
		}
		f.Emit(edge)
		for _, o := range f.Orders {
			if err := d.Guard.Tick(); err != nil {
				return err
			}
			w := writeOf(o.From, o.Key)
			if w < 0 {
				continue
			}
			for _, r := range readers[off[w]:off[w+1]] {
				if r != o.To {
					edge(r, o.To, graph.KindRW)
				}
			}
		}
		return nil
	})
}
