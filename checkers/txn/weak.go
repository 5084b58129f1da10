package txn

import (
	"cmp"
	"slices"

	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
	"github.com/lapse-test/lapse/history"
)

// visibility is what a weak level wants every read to know of: all
// transactions that are visible by it, of which no version may be newer than
// the one that was read.
type visibility uint8

const (
	// seenBefore: what the transaction had read from before this read.
	seenBefore visibility = iota
	// seenDirectly: what precedes it in its session (or in real time), and what
	// it read from.
	seenDirectly
	// seenCausally: what is in its causal past.
	seenCausally
)

// weak decides the levels of Biswas and Enea whose axiom is: if t3 reads x of
// t1, and t2 is visible to t3 and writes x, then t2 is before t1 in the commit
// order. The level holds if that is compatible with the base order and what was
// read. It follows AWDIT (Møldrup and Pavlogiannis, PLDI 2025), with the initial
// versions before everything, and with the version orders of lists.
type weak struct {
	*ir
	vis     visibility
	base    graph.Kind
	lean    *graph.Graph
	visible *graph.Graph // lean without ww, made when it is needed
	order   []int32      // a topological order of lean
	// byKey are the writes of each operation in the order of their keys.
	byKey   []int32
	writers *writerIndex
	reads   *readIndex
	// forced are the edges of the axiom, stale the reads that break it at once.
	forced []forcedOrder
	stale  []forcedOrder
	// broken counts all that is in stale and beyond it.
	broken int
}

// leanGraph holds only the base order, wr, and the ww of lists.
func (d *dsg) leanGraph(base graph.Kind) (*graph.Graph, error) {
	if base&graph.KindRT != 0 || d.anyList {
		d.full()
	}
	nodes := d.n
	if base&graph.KindRT != 0 {
		nodes += d.rt.barriers
	}
	return graph.Make(d.guard, d.n, nodes, func(edge func(from, to int32, k graph.Kind)) error {
		if base&graph.KindRT != 0 {
			d.rt.emit(int32(d.n), edge)
		}
		for v := range int32(d.n) {
			if err := d.guard.Tick(); err != nil {
				return err
			}
			if p := d.soPrev[v]; p >= 0 && base&graph.KindSO != 0 {
				edge(p, v, graph.KindSO)
			}
			for _, e := range d.externals(v) {
				if e.source >= 0 && e.source != v {
					edge(e.source, v, graph.KindWR)
				}
			}
		}
		for k := range int32(d.keys) {
			if d.lists[k] {
				d.emitObserved(k, edge)
			}
		}
		return nil
	})
}

// emitObserved gives the ww edges between the observed versions of a list, and
// from the last of them to the unobserved ones if those are few; what is
// unobserved is compared by its place.
func (d *dsg) emitObserved(k int32, edge func(from, to int32, k graph.Kind)) {
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
	if prev < 0 {
		return
	}
	for _, m := range d.hubs[k].Members {
		if m != prev {
			edge(prev, m, graph.KindWW)
		}
	}
}

// axiom derives the forced order of the level.
func (w *weak) axiom() error {
	if w.vis == seenCausally || w.vis == seenDirectly && w.base&graph.KindRT != 0 {
		w.writers = w.indexWriters()
		w.reads = w.indexReads()
	}
	switch w.vis {
	case seenBefore:
		return w.readCommitted()
	case seenDirectly:
		return w.readAtomic()
	}
	return w.past(w.base | graph.KindWR)
}

// force says that t2 is before the version that e read, because t3 = reader
// knows of t2. pos is the place of t2's version in a list.
func (w *weak) force(t2, pos, reader int32, e external) {
	if t2 == e.source || t2 == reader {
		return
	}
	f := forcedOrder{from: t2, to: e.source, key: e.key, reader: reader}
	if e.source < 0 || w.lists[e.key] {
		if !w.lists[e.key] || pos > e.pos {
			w.broken++
			if len(w.stale) < maxStale {
				w.stale = append(w.stale, f)
			}
		}
		return
	}
	w.forced = append(w.forced, f)
}

// maxStale bounds the stale reads that are kept to choose a witness from.
const maxStale = 1 << 12

// posOf is the place of node v's last version of key k.
func (w *weak) posOf(v, k int32) (pos int32, ok bool) {
	op := w.op[v]
	from, to := w.writeOff[op], w.writeOff[op+1]
	if to-from > fewWrites {
		i, found := slices.BinarySearchFunc(w.byKey[from:to], k, func(i, k int32) int { return cmp.Compare(w.writes[i].key, k) })
		if !found {
			return 0, false
		}
		// Only one write to the key is final; others to it are neighbours.
		for i := from + int32(i); i < to && w.writes[w.byKey[i]].key == k; i++ {
			if w.writes[w.byKey[i]].final {
				return w.posOfWrite(w.byKey[i]), true
			}
		}
		return 0, false
	}
	for i := from; i < to; i++ {
		if wr := &w.writes[i]; wr.key == k && wr.final {
			return w.posOfWrite(i), true
		}
	}
	return 0, false
}

// fewWrites are few enough to look at all.
const fewWrites = 16

func (w *weak) posOfWrite(i int32) int32 {
	if !w.lists[w.writes[i].key] {
		return 0
	}
	return w.placeOf(i)
}

// sortWrites prepares posOf.
func (w *weak) sortWrites() {
	w.byKey = make([]int32, len(w.writes))
	for i := range w.byKey {
		w.byKey[i] = int32(i)
	}
	for op := range len(w.writeOff) - 1 {
		if from, to := w.writeOff[op], w.writeOff[op+1]; to-from > fewWrites {
			slices.SortFunc(w.byKey[from:to], func(a, b int32) int {
				return cmp.Or(cmp.Compare(w.writes[a].key, w.writes[b].key), cmp.Compare(a, b))
			})
		}
	}
}

// twoReads are the first two distinct sources of a key among the reads behind
// the current one.
type twoReads struct {
	a, b external
	two  bool
}

// readCommitted: t2 was read from before.
func (w *weak) readCommitted() error {
	after := newKeyed[twoReads](w.keys)
	seen := newStamps(w.n)
	var first []bool
	var keys []int32
	for v := range int32(w.n) {
		if err := w.guard.Tick(); err != nil {
			return err
		}
		reads := w.externals(v)
		if len(reads) < 2 {
			continue
		}
		seen.reset()
		first = first[:0]
		for _, e := range reads {
			first = append(first, e.source >= 0 && seen.add(e.source))
		}
		after.reset()
		keys = keys[:0]
		for i := len(reads) - 1; i >= 0; i-- {
			e := reads[i]
			if first[i] {
				w.newerThan(e.source, v, keys, after)
			}
			t, ok := after.get(history.Key(e.key))
			if !ok {
				keys = append(keys, e.key)
			}
			if !ok || t.a.source != e.source || t.a.pos != e.pos {
				after.set(history.Key(e.key), twoReads{a: e, b: t.a, two: ok})
			}
		}
	}
	return nil
}

// newerThan forces t2 before what v read later of the keys that t2 wrote.
func (w *weak) newerThan(t2, v int32, keys []int32, after *keyed[twoReads]) {
	op := w.op[t2]
	from, to := w.writeOff[op], w.writeOff[op+1]
	use := func(k, pos int32) {
		t, ok := after.get(history.Key(k))
		if !ok {
			return
		}
		if t.a.source != t2 {
			w.force(t2, pos, v, t.a)
		} else if t.two {
			w.force(t2, pos, v, t.b)
		}
	}
	if int(to-from) > 8*len(keys) {
		for _, k := range keys {
			if pos, ok := w.posOf(t2, k); ok {
				use(k, pos)
			}
		}
		return
	}
	for i := from; i < to; i++ {
		if wr := &w.writes[i]; wr.final {
			use(wr.key, w.posOfWrite(i))
		}
	}
}

// readAtomic: t2 is before in the base order, or was read from.
func (w *weak) readAtomic() error {
	if err := w.fractured(); err != nil {
		return err
	}
	switch {
	case w.base&graph.KindRT != 0:
		return w.past(w.base)
	case w.base&graph.KindSO != 0:
		return w.sessionPast()
	}
	return nil
}

// fractured forces everything that v read from before what it read of the same
// keys.
func (w *weak) fractured() error {
	read := newKeyed[twoReads](w.keys)
	seen := newStamps(w.n)
	var keys []int32
	for v := range int32(w.n) {
		if err := w.guard.Tick(); err != nil {
			return err
		}
		reads := w.externals(v)
		if len(reads) < 2 {
			continue
		}
		read.reset()
		seen.reset()
		keys = keys[:0]
		for _, e := range reads {
			t, ok := read.get(history.Key(e.key))
			switch {
			case !ok:
				keys = append(keys, e.key)
				read.set(history.Key(e.key), twoReads{a: e})
			case t.a.source != e.source && !t.two:
				t.b, t.two = e, true
				read.set(history.Key(e.key), t)
			}
		}
		for _, e := range reads {
			if e.source >= 0 && seen.add(e.source) {
				w.newerThan(e.source, v, keys, read)
			}
		}
	}
	return nil
}

// sessionPast forces the last writer of a key in the reader's session before
// what was read. Earlier writers of the session precede that one.
func (w *weak) sessionPast() error {
	last := newKeyed[keyWriter](w.keys)
	for c := range int32(w.chains) {
		last.reset()
		for _, v := range w.chainSeq[w.chainOff[c]:w.chainOff[c+1]] {
			if err := w.guard.Tick(); err != nil {
				return err
			}
			reads := w.externals(v)
			for _, e := range reads {
				if u, ok := last.get(history.Key(e.key)); ok {
					w.force(u.node, u.pos, v, e)
				} else {
					// The chain may begin in the middle of a session.
					w.sessionWalk(w.soPrev[w.chainSeq[w.chainOff[c]]], v, e)
				}
			}
			op := w.op[v]
			for i := w.writeOff[op]; i < w.writeOff[op+1]; i++ {
				if wr := &w.writes[i]; wr.final {
					last.set(history.Key(wr.key), keyWriter{node: v, pos: w.posOfWrite(i)})
				}
			}
		}
	}
	return nil
}

// sessionWalk is sessionPast for the part of the reader's session that is u and
// what is before it.
func (w *weak) sessionWalk(u, reader int32, e external) {
	for ; u >= 0; u = w.soPrev[u] {
		if pos, ok := w.posOf(u, e.key); ok {
			w.force(u, pos, reader, e)
			return
		}
	}
}

// stamps is a set of nodes that is emptied in O(1).
type stamps struct {
	at  []int32
	now int32
}

func newStamps(n int) *stamps { return &stamps{make([]int32, n), 1} }

func (s *stamps) reset() { s.now++ }

// add reports whether v was new.
func (s *stamps) add(v int32) bool {
	if s.at[v] == s.now {
		return false
	}
	s.at[v] = s.now
	return true
}
