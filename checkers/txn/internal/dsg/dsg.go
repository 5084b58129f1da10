// Package dsg is the graph of the dependencies that a history proves (Adya's direct
// serialization graph as far as it is known), with the order of sessions and of real
// time. It reads the representation and is the only place that turns it into edges.
package dsg

import (
	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
	"github.com/lapse-test/lapse/checkers/txn/internal/ir"
	"github.com/lapse-test/lapse/history"
)

// DSG makes the graph of the dependencies that the history proves (Adya's direct
// serialization graph as far as it is known): every edge is in every execution
// that explains the history, given that ww and wr are acyclic.
type DSG struct {
	*ir.IR
	rt *realtime
	// hubs[key] are the committed transactions whose versions of the key have no
	// known place: unobserved appends, or all writers of a register.
	hubs  []graph.Hub
	Nodes int
	first int32 // number of the first barrier
}

// New is the graph of r.
func New(r *ir.IR) *DSG { return &DSG{IR: r} }

// Prepare prepares what only some graphs need: the real-time order and the hubs.
func (d *DSG) Prepare() {
	if d.rt != nil {
		return
	}
	r := d.IR
	d.rt, d.hubs, d.Nodes = newRealtime(r), make([]graph.Hub, r.Keys), r.N
	readsInit := make([]bool, r.Keys)
	for v := range int32(r.N) {
		mops, at := r.Mops(r.Op[v])
		for j := range mops {
			if (mops[j].Func == history.Read || mops[j].Func == history.CAS) && r.From[at+int32(j)] == ir.FromInit {
				readsInit[mops[j].Key] = true
			}
		}
	}
	for w := range r.Writes {
		wr := &r.Writes[w]
		v := r.Node[wr.Op]
		if v < 0 || r.Lists[wr.Key] && r.VerPos[w] != ir.Unseen || !r.Lists[wr.Key] && !readsInit[wr.Key] {
			continue
		}
		h := &d.hubs[wr.Key]
		if n := len(h.Members); n == 0 || h.Members[n-1] != v {
			h.Members = append(h.Members, v)
		}
	}
	for k := range d.hubs {
		h := &d.hubs[k]
		h.Suffix = int32(d.Nodes)
		h.Prefix = h.Suffix + int32(len(h.Members))
		d.Nodes += h.Size()
	}
	d.first = int32(d.Nodes)
	d.Nodes += d.rt.barriers
}

// Graph builds the graph.
func (d *DSG) Graph() (*graph.Graph, error) {
	return graph.Make(d.Guard, d.N, d.Nodes, d.Emit)
}

// Emit gives the edges of the graph, the same ones in the same order at every call.
func (d *DSG) Emit(edge func(from, to int32, k graph.Kind)) error {
	d.rt.emit(d.first, edge)
	for k := range d.hubs {
		d.hubs[k].EmitSelf(edge)
	}
	for v := range int32(d.N) {
		if p := d.SoPrev[v]; p >= 0 {
			edge(p, v, graph.KindSO)
		}
	}
	for k := range int32(d.Keys) {
		if d.Lists[k] {
			d.emitOrder(k, edge)
		}
	}
	for v := range int32(d.N) {
		if err := d.Guard.Tick(); err != nil {
			return err
		}
		mops, at := d.Mops(d.Op[v])
		for j := range mops {
			m := &mops[j]
			switch m.Func {
			case history.Read, history.CAS:
				d.emitRegister(v, m, at+int32(j), edge)
			case history.ReadList:
				if m.Flags&history.Observed != 0 && !d.Odd[at+int32(j)] {
					d.emitList(v, m, d.From[at+int32(j)], edge)
				}
			}
		}
	}
	return nil
}

// emitOrder gives the ww edges of a list.
func (d *DSG) emitOrder(k int32, edge func(from, to int32, k graph.Kind)) {
	if last := d.emitChain(k, edge); last >= 0 {
		h := &d.hubs[k]
		h.EmitFrom(last, h.Place(last), graph.KindWW, edge)
	}
}

// emitChain gives the ww edges from each observed version of a list to the next, and
// returns the writer of the last, -1 if none was observed.
func (d *DSG) emitChain(k int32, edge func(from, to int32, k graph.Kind)) int32 {
	prev := int32(-1)
	n := d.VerOff[k+1] - d.VerOff[k]
	for i := range n {
		v := d.CommittedAt(k, i)
		if v < 0 {
			continue
		}
		if prev >= 0 && prev != v {
			edge(prev, v, graph.KindWW)
		}
		prev = v
	}
	return prev
}

// emitList gives the edges of a list read of length n by v.
func (d *DSG) emitList(v int32, m *history.Mop, n int32, edge func(from, to int32, k graph.Kind)) {
	k := int32(m.Key)
	rw := graph.KindRW
	if m.Flags&history.Predicate != 0 {
		rw = graph.KindRWP
	}
	if n > 0 {
		if u := d.CommittedAt(k, n-1); u >= 0 && u != v {
			edge(u, v, graph.KindWR)
		}
	}
	total := d.VerOff[k+1] - d.VerOff[k]
	for i := n; i < total; i++ {
		u := d.CommittedAt(k, i)
		if u < 0 {
			continue
		}
		if u != v {
			edge(v, u, rw)
		}
		return
	}
	h := &d.hubs[k]
	h.EmitFrom(v, h.Place(v), rw, edge)
}

// emitRegister gives the edges of a register read by v.
func (d *DSG) emitRegister(v int32, m *history.Mop, mop int32, edge func(from, to int32, k graph.Kind)) {
	w := d.From[mop]
	if w < ir.FromInit {
		return
	}
	rw := graph.KindRW
	if m.Flags&history.Predicate != 0 {
		rw = graph.KindRWP
	}
	if w == ir.FromInit {
		h := &d.hubs[m.Key]
		h.EmitFrom(v, h.Place(v), rw, edge)
		return
	}
	u := d.Node[d.Writes[w].Op]
	if u < 0 || u == v {
		return
	}
	edge(u, v, graph.KindWR)
	if d.RmwRead[mop] {
		edge(u, v, graph.KindCO)
	}
	// Whoever read this version and wrote the key made a later version.
	if op := d.Rmw[w]; op >= 0 {
		if next := d.Node[op]; next >= 0 && next != v && next != u {
			edge(v, next, rw)
		}
	}
}
