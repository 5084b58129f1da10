package causal

import (
	"fmt"
	"slices"
	"sort"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/explain"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
)

// The two session guarantees that are about the order of writes, and that only
// sessions that read several keys can see broken. By their first definition
// (Terry et al. 1994) they speak about what servers hold, which no client sees;
// what is decided here is what they let a client observe, given that its own
// view does not go backwards: once a session has seen a write, none of its later
// reads misses what had to be there before it. Arbitration extends real time, as
// in package session, and a violation is reported only where real time (or the
// writing session's order) says that the value returned is older than the one
// missed; that finds everything where each key has one writer, and raises no
// false alarm elsewhere.
const (
	// MonotonicWrites: whoever sees a write of a session sees its earlier writes.
	MonotonicWrites = models.MonotonicWrites
	// WritesFollowReads: whoever sees a write sees what its session had read
	// before it.
	WritesFollowReads = models.WritesFollowReads
)

// missed is a write that a read had to see, and why.
type missed struct {
	read, write int32
	// by and seen: the session read seen by the operation by, and whoever saw
	// that had to see write (monotonic-writes).
	by, seen int32
	// reader read write before it wrote something that the session saw, directly
	// or through others (writes-follow-reads).
	reader int32
}

// olderThan tells whether the value that the write w installed (-1: the initial
// one) is known to be older than that of the write x.
func (r *job) olderThan(w, x int32) bool {
	if w < 0 {
		return true
	}
	a, b := &r.f.Ops[w], &r.f.Ops[x]
	if a.Late {
		return false
	}
	return r.H.Ops[w].Complete < r.H.Ops[x].Invoke || a.Lane == b.Lane && a.Place < b.Place
}

// monotonicWrites decides that model.
func (r *job) monotonicWrites() string {
	f, e := r.f, r.e
	vec := make([]int32, e.width)
	by := make([]int32, e.width)
	for l := range f.Lanes() {
		clear(vec)
		for _, i := range f.Lane(l) {
			if r.Stop() {
				return checkers.TimeRanOut
			}
			o := &f.Ops[i]
			v := o.Sees()
			if o.Late || v < 0 || f.Writer[v] == register.Several {
				continue
			}
			w := e.source(i)
			if w >= 0 {
				s := &f.Ops[w]
				earlier := s.Place - 1 // of the session's writes, not this one
				if s.Late {
					earlier = s.Place
				}
				if earlier > vec[s.Lane] {
					vec[s.Lane], by[s.Lane] = earlier, i
				}
			}
			var m missed
			bad := false
			risk := e.byKey.each(i, vec, nil, func(x int32) bool {
				if x != w && r.olderThan(w, x) {
					bad = true
					lane := f.Ops[x].Lane
					m = missed{read: i, write: x, by: by[lane], seen: e.source(by[lane]), reader: -1}
				}
				return !bad
			})
			r.count(i, risk, bad, m)
		}
	}
	return ""
}

// count takes note of one read.
func (r *job) count(i int32, risk, bad bool, m missed) {
	if risk {
		r.AtRisk++
		if r.H.Ops[i].Complete >= r.after {
			r.DuringFaults++
		}
	}
	if bad {
		r.Bad++
		if len(r.missed) < 4*r.most+64 {
			r.missed = append(r.missed, m)
		}
	}
}

// newestRead answers which write, among those that a session read from a key
// within its first p operations, was invoked last.
type newestRead struct {
	keyStart []int32
	lists    []list
	places   []int32
	best     []int32 // the read that saw it, over the list up to here
}

// It is nil if the time ran out.
func (r *job) newNewestRead() *newestRead {
	f := r.f
	b := &newestRead{keyStart: make([]int32, len(f.Keys)+1)}
	count := make([]int32, len(f.Keys)+1)
	useful := func(i int32) bool { return !f.Ops[i].Late && r.e.source(i) >= 0 }
	n := 0
	for l := range f.Lanes() {
		if r.Stop() {
			return nil
		}
		for _, i := range f.Lane(l) {
			if useful(i) {
				count[f.Ops[i].Key+1]++
				n++
			}
		}
	}
	for k := range f.Keys {
		count[k+1] += count[k]
	}
	ends := slices.Clone(count[:len(f.Keys)])
	b.places, b.best = make([]int32, n), make([]int32, n)
	for l := range f.Lanes() {
		if r.Stop() {
			return nil
		}
		for _, i := range f.Lane(l) {
			if useful(i) {
				k := f.Ops[i].Key
				b.places[ends[k]], b.best[ends[k]] = f.Ops[i].Place, i
				ends[k]++
			}
		}
	}
	for k := range f.Keys {
		b.keyStart[k] = int32(len(b.lists))
		for at := count[k]; at < ends[k]; {
			l := list{lane: f.Ops[b.best[at]].Lane, start: at, hint: at}
			at++
			for at < ends[k] && f.Ops[b.best[at]].Lane == l.lane {
				if r.H.Ops[r.e.source(b.best[at])].Invoke < r.H.Ops[r.e.source(b.best[at-1])].Invoke {
					b.best[at] = b.best[at-1]
				}
				at++
			}
			l.end = at
			b.lists = append(b.lists, l)
		}
	}
	b.keyStart[len(f.Keys)] = int32(len(b.lists))
	return b
}

// writesFollowReads decides that model.
func (r *job) writesFollowReads() string {
	f, e := r.f, r.e
	newest := r.newNewestRead()
	if newest == nil {
		return checkers.TimeRanOut
	}
	end := e.walk(rules{from: everybody, stop: r.Stop, read: func(i int32, vec []int32) bool {
		o := &f.Ops[i]
		if o.Late {
			return true
		}
		w := e.source(i)
		risk, bad := false, false
		var m missed
		for n := newest.keyStart[o.Key]; n < newest.keyStart[o.Key+1]; n++ {
			l := &newest.lists[n]
			if l.lane == o.Lane {
				continue // what it read itself is the business of monotonic reads
			}
			p := vec[l.lane]
			at := l.hint
			for at < l.end && newest.places[at] <= p {
				at++
			}
			for at > l.start && newest.places[at-1] > p {
				at--
			}
			l.hint = at
			if at == l.start {
				continue
			}
			risk = true
			reader := newest.best[at-1]
			if x := e.source(reader); !bad && x != w && r.olderThan(w, x) {
				bad = true
				m = missed{read: i, write: x, by: -1, seen: -1, reader: reader}
			}
		}
		r.count(i, risk, bad, m)
		return true
	}})
	switch end {
	case ended:
		return checkers.TimeRanOut
	case cyclic:
		r.cycleAmongUnplaced(everybody, nil, cyclicOrder, -1)
	}
	return ""
}

// tellMissed explains a read that missed a write.
func (r *job) tellMissed(m missed) checkers.Violation {
	h := r.H
	v := checkers.Violation{Model: r.model, Session: h.Ops[m.read].Session, At: h.Ops[m.read].Complete,
		Faults: r.Faults.IDs(h, int(m.read)), Legal: []string{r.value(m.write)}}
	w := r.e.source(m.read)
	ops := []int32{m.read, m.write}
	tail := "as before the first write"
	if w >= 0 {
		ops = append(ops, w)
		tail = "an older value"
		first := "the session made it before the other"
		if h.Ops[w].Complete < h.Ops[m.write].Invoke {
			first = explain.Before(h, int(w), h.Ops[m.write].Invoke-h.Ops[w].Complete)
		}
		v.Steps = append(v.Steps, checkers.Step{From: int(w), To: int(m.write), Kind: "real-time",
			Why: fmt.Sprintf("%s, so %s is older than %s", first, r.value(w), r.value(m.write))})
	}
	if m.reader < 0 {
		v.Anomaly = "writes seen out of order"
		ops = append(ops, m.by, m.seen)
		writer := h.Ops[m.write].Session
		v.Sentence = fmt.Sprintf("%s and then %s; %s, and %s %s, %s", explain.Op(h, int(m.write)), explain.Did(h, int(m.seen), true),
			explain.Op(h, int(m.by)), explain.Later(h, int(m.by), int(m.read)), explain.Did(h, int(m.read), true), tail)
		v.Steps = append(v.Steps,
			checkers.Step{From: int(m.write), To: int(m.seen), Kind: "session", Why: fmt.Sprintf("session %d wrote it before the other", writer)},
			checkers.Step{From: int(m.seen), To: int(m.by), Kind: "reads-from", Why: "the session saw the later write"},
			checkers.Step{From: int(m.by), To: int(m.read), Kind: "session", Why: fmt.Sprintf("so from then on it must see %s or something newer", r.value(m.write))})
	} else {
		v.Anomaly = "effect seen without its cause"
		fd := newFinder(r.e, everybody, nil)
		hops := fd.path(m.reader, m.read, 0)
		ops = append(ops, m.reader)
		ops = append(ops, fd.operations(hops)...)
		v.Sentence = fmt.Sprintf("%s and wrote after it what led to this: %s, %s", explain.Op(h, int(m.reader)), explain.Op(h, int(m.read)), tail)
		v.Steps = append(v.Steps, checkers.Step{From: int(m.write), To: int(m.reader), Kind: "reads-from", Why: "the session saw " + r.value(m.write)})
		v.Steps = append(v.Steps, r.steps(fd, hops)...)
	}
	slices.Sort(ops)
	ops = slices.Compact(ops)
	v.Key = r.key(ops)
	for _, o := range ops {
		v.Ops = append(v.Ops, int(o))
	}
	return v
}

// sortMissed puts what is told in the shortest time first.
func (r *job) sortMissed() {
	took := func(m missed) history.Time { return r.H.Ops[m.read].Complete - r.H.Ops[m.write].Invoke }
	sort.SliceStable(r.missed, func(i, j int) bool { return took(r.missed[i]) < took(r.missed[j]) })
}
