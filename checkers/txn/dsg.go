package txn

import (
	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
	"github.com/lapse-test/lapse/history"
)

// dsg makes the graph of the dependencies that the history proves (Adya's direct
// serialization graph as far as it is known): every edge is in every execution
// that explains the history, given that ww and wr are acyclic.
type dsg struct {
	*ir
	rt *realtime
	// hubs[key] are the committed transactions whose versions of the key have no
	// known place: unobserved appends, or all writers of a register.
	hubs []graph.Hub
	// forced are version orders that were derived: from before to.
	forced []forcedOrder
	// via is how the reader of a forced order came to know of the earlier writer.
	via func(t2, reader int32) ([]graph.Edge, error)
	// axiom is the visibility by which orders were forced.
	axiom visibility
	nodes int
	first int32 // number of the first barrier
	// wr counts edges of transactions that read from others.
	wr int
}

// forcedOrder says that the version of from was installed before that of to.
type forcedOrder struct {
	from, to int32
	key      int32
	// reader read the version of to and had from in its past.
	reader int32
}

func (r *ir) newDSG() *dsg { return &dsg{ir: r} }

// full prepares what only some graphs need: the real-time order and the hubs.
func (d *dsg) full() {
	if d.rt != nil {
		return
	}
	r := d.ir
	d.rt, d.hubs, d.nodes = r.realtime(), make([]graph.Hub, r.keys), r.n
	readsInit := make([]bool, r.keys)
	for v := range int32(r.n) {
		mops, at := r.mops(r.op[v])
		for j := range mops {
			if (mops[j].Func == history.Read || mops[j].Func == history.CAS) && r.from[at+int32(j)] == fromInit {
				readsInit[mops[j].Key] = true
			}
		}
	}
	for w := range r.writes {
		wr := &r.writes[w]
		v := r.node[wr.op]
		if v < 0 || r.lists[wr.key] && r.verPos[w] != unseen || !r.lists[wr.key] && !readsInit[wr.key] {
			continue
		}
		h := &d.hubs[wr.key]
		if n := len(h.Members); n == 0 || h.Members[n-1] != v {
			h.Members = append(h.Members, v)
		}
	}
	for k := range d.hubs {
		h := &d.hubs[k]
		h.Suffix = int32(d.nodes)
		h.Prefix = h.Suffix + int32(len(h.Members))
		d.nodes += h.Size()
	}
	d.first = int32(d.nodes)
	d.nodes += d.rt.barriers
}

// graph builds the graph.
func (d *dsg) graph() (*graph.Graph, error) {
	return graph.Make(d.guard, d.n, d.nodes, d.emit)
}

func (d *dsg) emit(edge func(from, to int32, k graph.Kind)) error {
	d.wr = 0
	d.rt.emit(d.first, edge)
	for k := range d.hubs {
		d.hubs[k].EmitSelf(edge)
	}
	for v := range int32(d.n) {
		if p := d.soPrev[v]; p >= 0 {
			edge(p, v, graph.KindSO)
		}
	}
	for k := range int32(d.keys) {
		if d.lists[k] {
			d.emitOrder(k, edge)
		}
	}
	for v := range int32(d.n) {
		if err := d.guard.Tick(); err != nil {
			return err
		}
		mops, at := d.mops(d.op[v])
		for j := range mops {
			m := &mops[j]
			switch m.Func {
			case history.Read, history.CAS:
				d.emitRegister(v, m, at+int32(j), edge)
			case history.ReadList:
				if m.Flags&history.Observed != 0 && !d.odd[at+int32(j)] {
					d.emitList(v, m, d.from[at+int32(j)], edge)
				}
			}
		}
	}
	for _, f := range d.forced {
		edge(f.from, f.to, graph.KindCO)
	}
	return nil
}

// committedAt is the node of the version at place i of the order of key k, -1
// if there is none that committed.
func (d *dsg) committedAt(k, i int32) int32 {
	w := d.versions[d.verOff[k]+i]
	if w < 0 || d.verPos[w] != i {
		return -1
	}
	return d.node[d.writes[w].op]
}

// emitOrder gives the ww edges of a list.
func (d *dsg) emitOrder(k int32, edge func(from, to int32, k graph.Kind)) {
	prev := int32(-1)
	n := d.verOff[k+1] - d.verOff[k]
	for i := range n {
		v := d.committedAt(k, i)
		if v < 0 {
			continue
		}
		if prev >= 0 && prev != v {
			edge(prev, v, graph.KindWW)
		}
		prev = v
	}
	if prev >= 0 {
		h := &d.hubs[k]
		h.EmitFrom(prev, h.Place(prev), graph.KindWW, edge)
	}
}

// emitList gives the edges of a list read of length n by v.
func (d *dsg) emitList(v int32, m *history.Mop, n int32, edge func(from, to int32, k graph.Kind)) {
	k := int32(m.Key)
	rw := graph.KindRW
	if m.Flags&history.Predicate != 0 {
		rw = graph.KindRWP
	}
	if n > 0 {
		if u := d.committedAt(k, n-1); u >= 0 && u != v {
			edge(u, v, graph.KindWR)
			d.wr++
		}
	}
	total := d.verOff[k+1] - d.verOff[k]
	for i := n; i < total; i++ {
		u := d.committedAt(k, i)
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
func (d *dsg) emitRegister(v int32, m *history.Mop, mop int32, edge func(from, to int32, k graph.Kind)) {
	w := d.from[mop]
	if w < fromInit {
		return
	}
	rw := graph.KindRW
	if m.Flags&history.Predicate != 0 {
		rw = graph.KindRWP
	}
	if w == fromInit {
		h := &d.hubs[m.Key]
		h.EmitFrom(v, h.Place(v), rw, edge)
		return
	}
	u := d.node[d.writes[w].op]
	if u < 0 || u == v {
		return
	}
	edge(u, v, graph.KindWR)
	d.wr++
	if d.rmwRead[mop] {
		edge(u, v, graph.KindCO)
	}
	// Whoever read this version and wrote the key made a later version.
	if op := d.rmw[w]; op >= 0 {
		if next := d.node[op]; next >= 0 && next != v && next != u {
			edge(v, next, rw)
		}
	}
}
