// Package weak derives what the axioms of the weak levels of Biswas and Enea (OOPSLA
// 2019) force, as AWDIT does (Møldrup and Pavlogiannis, PLDI 2025). It knows neither
// which level asks nor how what it finds is told.
package weak

import (
	"cmp"
	"slices"

	"github.com/lapse-test/lapse/checkers/txn/internal/dsg"
	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
	"github.com/lapse-test/lapse/checkers/txn/internal/ir"
	"github.com/lapse-test/lapse/history"
)

// Visibility says of which transactions a weak level wants every read to know: all
// transactions that are visible by it, of which no version may be newer than
// the one that was read.
type Visibility uint8

const (
	// SeenBefore stands for the transactions that the reader had read from before this read.
	SeenBefore Visibility = iota
	// SeenDirectly stands for those that precede it in its session (or in real time), and those that
	// it read from.
	SeenDirectly
	// SeenCausally stands for those in its causal past.
	SeenCausally
)

// Axiom is that of a level of Biswas and Enea which is: if t3 reads x of
// t1, and t2 is visible to t3 and writes x, then t2 is before t1 in the commit
// order. The level holds if that is compatible with the base order and what was
// read. It follows AWDIT (Møldrup and Pavlogiannis, PLDI 2025), with the initial
// versions before everything, and with the version orders of lists.
type Axiom struct {
	*ir.IR
	Vis     Visibility
	base    graph.Kind
	lean    *graph.Graph
	visible *graph.Graph // lean without ww, made when it is needed
	order   []int32      // a topological order of lean
	// finals are the keys of the writes, -1 for one that its operation replaced itself; byKey are the writes of each operation in the order
	// of their keys, if one has many.
	finals, byKey []int32
	spans         []span // of the writes of each node
	writers       *writerIndex
	reads         *readIndex
	// Forced are the edges of the axiom, Stale the first of the reads that break it
	// at once.
	Forced []dsg.Forced
	Stale  []dsg.Forced
	// Broken counts all that is in Stale and beyond it.
	Broken int
}

// New prepares the axiom of what is visible by vis, with the order base; order is
// a topological order of lean.
func New(r *ir.IR, vis Visibility, base graph.Kind, lean *graph.Graph, order []int32) *Axiom {
	w := &Axiom{IR: r, Vis: vis, base: base, lean: lean, order: order}
	w.sortWrites()
	return w
}

// Derive derives the forced order of the level.
func (w *Axiom) Derive() error {
	if w.Vis == SeenCausally || w.Vis == SeenDirectly && w.base&graph.KindRT != 0 {
		w.writers = indexWriters(w.IR)
		w.reads = indexReads(w.IR)
	}
	switch w.Vis {
	case SeenBefore:
		return w.readCommitted()
	case SeenDirectly:
		return w.readAtomic()
	}
	return w.past(w.base | graph.KindWR)
}

// force says that t2 is before the version that e read, because t3 = reader
// knows of t2. pos is the place of t2's version in a list.
func (w *Axiom) force(t2, pos, reader int32, e ir.External) {
	if t2 == e.Source || t2 == reader {
		return
	}
	f := dsg.Forced{From: t2, To: e.Source, Key: e.Key, Reader: reader}
	if e.Source < 0 || w.Lists[e.Key] {
		if !w.Lists[e.Key] || pos > e.Pos {
			w.Broken++
			if len(w.Stale) < maxStale {
				w.Stale = append(w.Stale, f)
			}
		}
		return
	}
	w.Forced = append(w.Forced, f)
}

// maxStale bounds the stale reads that are kept to choose a witness from.
const maxStale = 1 << 12

// span are the writes from one number to before another.
type span struct{ from, to int32 }

// posOf is the place of node v's last version of key k.
func (w *Axiom) posOf(v, k int32) (pos int32, ok bool) {
	from, to := w.spans[v].from, w.spans[v].to
	if to-from > fewWrites {
		i, found := slices.BinarySearchFunc(w.byKey[from:to], k, func(i, k int32) int { return cmp.Compare(w.Writes[i].Key, k) })
		if !found {
			return 0, false
		}
		// Only one write to the key is final; others to it are neighbours.
		for i := from + int32(i); i < to && w.Writes[w.byKey[i]].Key == k; i++ {
			if w.Writes[w.byKey[i]].Final {
				return w.posOfWrite(w.byKey[i]), true
			}
		}
		return 0, false
	}
	for i := from; i < to; i++ {
		if w.finals[i] == k {
			return w.posOfWrite(i), true
		}
	}
	return 0, false
}

// fewWrites are few enough to look at all.
const fewWrites = 16

func (w *Axiom) posOfWrite(i int32) int32 {
	if !w.AnyList || !w.Lists[w.Writes[i].Key] {
		return 0
	}
	return w.PlaceOf(i)
}

// sortWrites prepares posOf.
func (w *Axiom) sortWrites() {
	w.finals = make([]int32, len(w.Writes))
	for i := range w.Writes {
		w.finals[i] = -1
		if w.Writes[i].Final {
			w.finals[i] = w.Writes[i].Key
		}
	}
	w.spans = make([]span, w.N)
	for v, op := range w.Op {
		w.spans[v] = span{w.WriteOff[op], w.WriteOff[op+1]}
	}
	for op := range len(w.WriteOff) - 1 {
		if from, to := w.WriteOff[op], w.WriteOff[op+1]; to-from > fewWrites {
			if w.byKey == nil {
				w.byKey = make([]int32, len(w.Writes))
			}
			for i := from; i < to; i++ {
				w.byKey[i] = i
			}
			slices.SortFunc(w.byKey[from:to], func(a, b int32) int {
				return cmp.Or(cmp.Compare(w.Writes[a].Key, w.Writes[b].Key), cmp.Compare(a, b))
			})
		}
	}
}

// twoReads are the first two distinct sources of a key among the reads behind
// the current one.
type twoReads struct {
	a, b ir.External
	two  bool
}

// readCommitted: t2 was read from before.
func (w *Axiom) readCommitted() error {
	after := ir.NewKeyed[twoReads](w.Keys)
	seen := newStamps(w.N)
	var first []bool
	var keys []int32
	for v := range int32(w.N) {
		if err := w.Guard.Tick(); err != nil {
			return err
		}
		reads := w.Externals(v)
		if len(reads) < 2 {
			continue
		}
		first = seen.first(first[:0], reads)
		after.Reset()
		keys = keys[:0]
		for i := len(reads) - 1; i >= 0; i-- {
			e := reads[i]
			if first[i] {
				w.newerThan(e.Source, v, keys, after)
			}
			t, ok := after.Get(history.Key(e.Key))
			if !ok {
				keys = append(keys, e.Key)
			}
			if !ok || t.a.Source != e.Source || t.a.Pos != e.Pos {
				after.Set(history.Key(e.Key), twoReads{a: e, b: t.a, two: ok})
			}
		}
	}
	return nil
}

// newerThan forces t2 before what v read later of the keys that t2 wrote.
func (w *Axiom) newerThan(t2, v int32, keys []int32, after *ir.Keyed[twoReads]) {
	if len(keys) == 0 {
		return
	}
	from, to := w.spans[t2].from, w.spans[t2].to
	use := func(k, pos int32) {
		t, ok := after.Get(history.Key(k))
		if !ok {
			return
		}
		if t.a.Source != t2 {
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
		if k := w.finals[i]; k >= 0 {
			use(k, w.posOfWrite(i))
		}
	}
}

// readAtomic: t2 is before in the base order, or was read from.
func (w *Axiom) readAtomic() error {
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
func (w *Axiom) fractured() error {
	read := ir.NewKeyed[twoReads](w.Keys)
	seen := newStamps(w.N)
	var first []bool
	var keys []int32
	for v := range int32(w.N) {
		if err := w.Guard.Tick(); err != nil {
			return err
		}
		reads := w.Externals(v)
		if len(reads) < 2 {
			continue
		}
		read.Reset()
		first = seen.first(first[:0], reads)
		keys = keys[:0]
		for _, e := range reads {
			t, ok := read.Get(history.Key(e.Key))
			switch {
			case !ok:
				keys = append(keys, e.Key)
				read.Set(history.Key(e.Key), twoReads{a: e})
			case t.a.Source != e.Source && !t.two:
				t.b, t.two = e, true
				read.Set(history.Key(e.Key), t)
			}
		}
		for i, e := range reads {
			if first[i] {
				w.newerThan(e.Source, v, keys, read)
			}
		}
	}
	return nil
}

// sessionPast forces the last writer of a key in the reader's session before
// what was read. Earlier writers of the session precede that one.
func (w *Axiom) sessionPast() error {
	last := ir.NewKeyed[keyWriter](w.Keys)
	for c := range int32(w.Chains) {
		last.Reset()
		for _, v := range w.ChainSeq[w.ChainOff[c]:w.ChainOff[c+1]] {
			if err := w.Guard.Tick(); err != nil {
				return err
			}
			reads := w.Externals(v)
			for _, e := range reads {
				if u, ok := last.Get(history.Key(e.Key)); ok {
					w.force(u.node, u.pos, v, e)
				} else {
					// The chain may begin in the middle of a session.
					w.sessionWalk(w.SoPrev[w.ChainSeq[w.ChainOff[c]]], v, e)
				}
			}
			op := w.Op[v]
			for i := w.WriteOff[op]; i < w.WriteOff[op+1]; i++ {
				if wr := &w.Writes[i]; wr.Final {
					last.Set(history.Key(wr.Key), keyWriter{node: v, pos: w.posOfWrite(i)})
				}
			}
		}
	}
	return nil
}

// sessionWalk is sessionPast for the part of the reader's session that is u and
// what is before it.
func (w *Axiom) sessionWalk(u, reader int32, e ir.External) {
	for ; u >= 0; u = w.SoPrev[u] {
		if pos, ok := w.posOf(u, e.Key); ok {
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

// first appends for each of reads whether it is the first one of its source. Where they are few they are compared with each other,
// which takes less time than looking far away.
func (s *stamps) first(to []bool, reads []ir.External) []bool {
	const few = 16
	if len(reads) > few {
		s.reset()
		for _, e := range reads {
			to = append(to, e.Source >= 0 && s.add(e.Source))
		}
		return to
	}
	for i, e := range reads {
		to = append(to, e.Source >= 0 && !slices.ContainsFunc(reads[:i], func(x ir.External) bool { return x.Source == e.Source }))
	}
	return to
}

// add reports whether v was new.
func (s *stamps) add(v int32) bool {
	if s.at[v] == s.now {
		return false
	}
	s.at[v] = s.now
	return true
}
