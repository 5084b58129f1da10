package causal

import (
	"slices"
	"sort"

	"github.com/lapse-test/lapse/checkers/internal/register"
)

// engine computes, for every write, the causal past as a vector: how much of each
// session it holds. It walks the sessions side by side, each until it needs a
// write that has not been met yet, so that every operation is met after what it
// depends on; when no session can go on there is a cycle.
type engine struct {
	f *register.Flat
	// width is the number of components: one a session, and one for each write
	// without an answer that could be afforded.
	width int
	// row is, by operation, which row of rows is its vector, -1 if it has none:
	// lean engines keep vectors only of the writes that somebody saw.
	row []int32
	// saw is, by operation, the write that it saw, -1 if none or unknown.
	saw  []int32
	rows []int32
	// own is the component of each late write that has one; see component.
	own map[int32]int32

	byKey  writesByKey
	newest []newest // by key

	run     []int32 // current vector of each session
	next    []int32 // next operation of each session, as an index into its lane
	placed  []bool
	awaited []bool  // by operation: whether some task waits for it
	waiting []wait  // at most one a session, and the late operations
	late    []int32 // the late operations that have begun, by task - sessions
	work    []int32
}

// newEngine prepares f. Writes without an answer that were seen get a component
// of their own as long as all vectors stay small; the others are followed only as
// far as the session before them. A lean engine keeps fewer vectors, and its
// rules must have no extra edges unless they ask for order alone. ok is false if
// the vectors do not fit into bytes.
func newEngine(f *register.Flat, bytes int64, lean bool) (e *engine, ok bool) {
	e = &engine{f: f, width: f.Lanes(), own: map[int32]int32{}}
	e.row, e.saw = make([]int32, len(f.Ops)), make([]int32, len(f.Ops))
	rows := int32(0)
	var late []int32
	for i := range f.Ops {
		o := &f.Ops[i]
		e.row[i], e.saw[i] = -1, -1
		if o.Kind == 0 {
			continue
		}
		if v := o.Sees(); v >= 0 && f.Writer[v] >= 0 {
			e.saw[i] = f.Writer[v]
		}
		if !o.Installs() {
			continue
		}
		if o.Late {
			late = append(late, int32(i))
		}
		if !lean {
			e.row[i] = rows
			rows++
		}
	}
	if lean {
		for i := range e.saw {
			if w := e.saw[i]; w >= 0 && e.row[w] < 0 {
				e.row[w] = rows
				rows++
			}
		}
	}
	if int64(rows)*int64(e.width)*4 > bytes {
		return nil, false
	}
	// Half the memory of a long history, and enough for a short one.
	most := min(bytes, max(16<<20, min(64<<20, int64(len(f.Ops))*48)))
	for _, i := range late {
		if int64(rows)*int64(e.width+1)*4 > most {
			break
		}
		e.own[i] = int32(e.width)
		e.width++
	}
	e.rows = make([]int32, int(rows)*e.width)
	e.run = make([]int32, f.Lanes()*e.width)
	e.next = make([]int32, f.Lanes())
	e.placed = make([]bool, len(f.Ops))
	e.awaited = make([]bool, len(f.Ops))
	e.byKey = newWritesByKey(e)
	e.newest = make([]newest, len(f.Keys))
	return e, true
}

// component returns the place of the write i in vectors: a vector holds it if its
// component c is at least p. c is -1 if that cannot be told.
func (e *engine) component(i int32) (c, p int32) {
	o := &e.f.Ops[i]
	if !o.Late {
		return o.Lane, o.Place
	}
	if c, ok := e.own[i]; ok {
		return c, 1
	}
	return -1, 0
}

// holds tells whether the vector vec holds the write i; false if unknown.
func (e *engine) holds(vec []int32, i int32) bool {
	c, p := e.component(i)
	return c >= 0 && vec[c] >= p
}

// vector is the causal past of the write i, itself included; nil if it was not
// kept.
func (e *engine) vector(i int32) []int32 {
	n := e.row[i]
	if n < 0 {
		return nil
	}
	r := int(n) * e.width
	return e.rows[r : r+e.width : r+e.width]
}

// follows tells whether the write i, which has been placed, follows the write w;
// every session's reads must follow the writes that they saw.
func (e *engine) follows(i, w int32) bool {
	if vec := e.vector(i); vec != nil {
		return e.holds(vec, w)
	}
	// Collect what it follows from its session, back to a vector that was kept.
	f := e.f
	lane := f.Lane(int(f.Ops[i].Lane))
	at := sort.Search(len(lane), func(n int) bool { return lane[n] >= i })
	for ; at >= 0; at-- {
		x := lane[at]
		if f.Ops[x].Late {
			continue
		}
		if x == w {
			return true
		}
		if vec := e.vector(x); vec != nil {
			return e.holds(vec, w)
		}
		if s := e.source(x); s >= 0 && (s == w || e.holds(e.vector(s), w)) {
			return true
		}
	}
	return false
}

// rules say what order the engine follows besides the sessions.
type rules struct {
	// from tells whether an operation follows the write that it saw.
	from func(o *register.FlatOp) bool
	// bare leaves the vectors alone: only whether there is an order is asked.
	bare bool
	// extra are further edges between writes.
	extra *edges
	// read is called for each read in turn with what it holds, itself not yet
	// included. Reads of values that say nothing are left out. Returning false
	// ends the walk.
	read func(i int32, vec []int32) bool
	// stop is polled.
	stop func() bool
}

// walk result.
type ending uint8

const (
	finished ending = iota
	cyclic
	ended
)

// walk meets all operations.
func (e *engine) walk(r rules) ending {
	f := e.f
	clear(e.run)
	clear(e.next)
	clear(e.placed)
	clear(e.newest)
	clear(e.awaited)
	e.waiting = e.waiting[:0]
	e.late = e.late[:0]
	e.work = e.work[:0]
	for l := range f.Lanes() {
		e.work = append(e.work, int32(l))
	}
	slices.Reverse(e.work)
	steps := 0
	for len(e.work) > 0 {
		t := e.work[len(e.work)-1]
		e.work = e.work[:len(e.work)-1]
		if int(t) >= f.Lanes() {
			i := e.late[int(t)-f.Lanes()]
			if d := e.missing(i, &r); d >= 0 {
				e.wait(t, d)
				continue
			}
			vec := e.vector(i)
			e.join(i, vec, &r)
			if !e.look(i, vec, &r) {
				return ended
			}
			if !r.bare {
				if c, p := e.component(i); c >= 0 {
					vec[c] = p
				}
				e.newest[e.f.Ops[i].Key].add(e, i, vec)
			}
			e.place(i)
			continue
		}
		lane := f.Lane(int(t))
		vec := e.run[int(t)*e.width : (int(t)+1)*e.width]
		for int(e.next[t]) < len(lane) {
			if steps++; steps&(1<<14-1) == 0 && r.stop() {
				return ended
			}
			i := lane[e.next[t]]
			o := &f.Ops[i]
			if o.Late {
				// It begins here, but the session does not wait for it.
				e.next[t]++
				if !r.bare {
					copy(e.vector(i), vec)
				}
				e.work = append(e.work, int32(f.Lanes()+len(e.late)))
				e.late = append(e.late, i)
				continue
			}
			if d := e.missing(i, &r); d >= 0 {
				e.wait(t, d)
				break
			}
			e.next[t]++
			e.join(i, vec, &r)
			if !e.look(i, vec, &r) {
				return ended
			}
			vec[o.Lane] = o.Place
			if o.Installs() {
				if !r.bare {
					copy(e.vector(i), vec)
					e.newest[o.Key].add(e, i, vec)
				}
				e.place(i)
			} else {
				e.placed[i] = true
			}
		}
	}
	for l := range f.Lanes() {
		if int(e.next[l]) < len(f.Lane(l)) {
			return cyclic
		}
	}
	for _, i := range e.late {
		if !e.placed[i] {
			return cyclic
		}
	}
	return finished
}

// source is the write that operation i saw, -1 if none or unknown.
func (e *engine) source(i int32) int32 { return e.saw[i] }

// missing is an operation that i follows and that has not been met, -1 if none.
func (e *engine) missing(i int32, r *rules) int32 {
	if w := e.source(i); w >= 0 && r.from(&e.f.Ops[i]) && !e.placed[w] {
		return w
	}
	if r.extra != nil {
		for _, n := range r.extra.into(i) {
			if w := r.extra.list[n].from; !e.placed[w] {
				return w
			}
		}
	}
	return -1
}

// join adds to vec what i follows.
func (e *engine) join(i int32, vec []int32, r *rules) {
	if r.bare {
		return
	}
	if w := e.source(i); w >= 0 && r.from(&e.f.Ops[i]) {
		merge(vec, e.vector(w))
	}
	if r.extra != nil {
		for _, n := range r.extra.into(i) {
			merge(vec, e.vector(r.extra.list[n].from))
		}
	}
}

// edge says that the write from must come before the write to, because the read
// by saw to although its past holds from.
type edge struct{ from, to, by int32 }

// edges are edges by their second end.
type edges struct {
	list  []edge // in the order in which they were found
	start []int32
	order []int32
}

// index sorts the edges found so far by their second end.
func (x *edges) index(e *engine) {
	n := len(e.row)
	x.start = make([]int32, n+1)
	for i := range x.list {
		x.start[x.list[i].to+1]++
	}
	for i := range n {
		x.start[i+1] += x.start[i]
	}
	x.order = make([]int32, len(x.list))
	fill := slices.Clone(x.start[:n])
	for i := range x.list {
		to := x.list[i].to
		x.order[fill[to]] = int32(i)
		fill[to]++
	}
}

// into are the numbers of the edges that lead to operation i.
func (x *edges) into(i int32) []int32 { return x.order[x.start[i]:x.start[i+1]] }

func merge(into, from []int32) {
	for c, p := range from {
		if p > into[c] {
			into[c] = p
		}
	}
}

// look shows a read to the rules.
func (e *engine) look(i int32, vec []int32, r *rules) bool {
	v := e.f.Ops[i].Sees()
	if r.read == nil || v < 0 || e.f.Writer[v] == register.Several {
		return true
	}
	return r.read(i, vec)
}

func (e *engine) wait(task, op int32) {
	e.waiting = append(e.waiting, wait{task, op})
	e.awaited[op] = true
}

// wait is a task that waits for an operation.
type wait struct{ task, op int32 }

func (e *engine) place(i int32) {
	e.placed[i] = true
	if !e.awaited[i] {
		return
	}
	e.waiting = slices.DeleteFunc(e.waiting, func(w wait) bool {
		if w.op == i {
			e.work = append(e.work, w.task)
		}
		return w.op == i
	})
}

// newest are the writes of a key met so far that no other one follows. Nearly
// always there are very few, and what a read saw follows all of them, which needs
// no further look.
type newest struct {
	writes [4]int32
	n      int8 // -1: too many to keep
}

// add takes note of the write i, whose past is vec.
func (m *newest) add(e *engine, i int32, vec []int32) {
	if m.n < 0 {
		return
	}
	kept := int8(0)
	for _, w := range m.writes[:m.n] {
		if !e.holds(vec, w) {
			m.writes[kept] = w
			kept++
		}
	}
	if int(kept) == len(m.writes) {
		m.n = -1
		return
	}
	m.writes[kept] = i
	m.n = kept + 1
}

// plain tells that a read with the past vec that saw w, whose past is past, is in
// no conflict with any write of its key.
func (m *newest) plain(e *engine, vec []int32, w int32, past []int32) bool {
	if m.n < 0 || w < 0 && m.n > 0 {
		return false
	}
	for _, x := range m.writes[:m.n] {
		if x != w && (!e.holds(vec, x) || !e.holds(past, x)) {
			return false
		}
	}
	return true
}

// writesByKey finds the last write of a session to a key within its first p
// operations.
type writesByKey struct {
	keyStart []int32 // lists of key k: keyStart[k]..keyStart[k+1]
	lists    []list
	writes   []int32 // operations, by list in the order of the session
	places   []int32 // their places
	late     [][]int32
	e        *engine
}

// list is one session's writes to one key.
type list struct {
	lane, start, end int32
	first, last      int32 // places of its first and its last write
	hint             int32 // where the last answer was
}

func newWritesByKey(e *engine) writesByKey {
	f := e.f
	b := writesByKey{e: e, keyStart: make([]int32, len(f.Keys)+1), late: make([][]int32, len(f.Keys))}
	// Sort the writes by key, then by session, in two stable counting passes.
	count := make([]int32, len(f.Keys)+1)
	n := 0
	for l := range f.Lanes() {
		for _, i := range f.Lane(l) {
			o := &f.Ops[i]
			if !o.Installs() {
				continue
			}
			if o.Late {
				b.late[o.Key] = append(b.late[o.Key], i)
				continue
			}
			count[o.Key+1]++
			n++
		}
	}
	for k := range f.Keys {
		count[k+1] += count[k]
	}
	ends := slices.Clone(count[:len(f.Keys)])
	b.writes = make([]int32, n)
	b.places = make([]int32, n)
	for l := range f.Lanes() {
		for _, i := range f.Lane(l) {
			if o := &f.Ops[i]; o.Installs() && !o.Late {
				b.writes[ends[o.Key]] = i
				b.places[ends[o.Key]] = o.Place
				ends[o.Key]++
			}
		}
	}
	for k := range f.Keys {
		b.keyStart[k] = int32(len(b.lists))
		for at := count[k]; at < ends[k]; {
			l := list{lane: f.Ops[b.writes[at]].Lane, start: at, hint: at}
			for at < ends[k] && f.Ops[b.writes[at]].Lane == l.lane {
				at++
			}
			l.end = at
			l.first, l.last = b.places[l.start], b.places[at-1]
			b.lists = append(b.lists, l)
		}
	}
	b.keyStart[len(f.Keys)] = int32(len(b.lists))
	return b
}

// each calls visit for the last write to the key of operation i, other than i
// itself, of every session, and for every late one, that vec holds, but not for
// those that past (nil: nothing) holds too. Returning false ends it. It tells
// whether vec holds any.
func (b *writesByKey) each(i int32, vec, past []int32, visit func(w int32) bool) (any bool) {
	f := b.e.f
	o := &f.Ops[i]
	for n := b.keyStart[o.Key]; n < b.keyStart[o.Key+1]; n++ {
		l := &b.lists[n]
		p := vec[l.lane]
		if l.lane == o.Lane && !o.Late {
			p = min(p, o.Place-1)
		}
		if p < l.first {
			continue
		}
		any = true
		// Nearly always all that the one holds of this session the other holds
		// too, which needs no look at the writes themselves.
		if past != nil && past[l.lane] >= min(p, l.last) {
			continue
		}
		// Sessions advance at about the same speed, so that the last answer is
		// near the next one.
		at := l.hint
		for at < l.end && b.places[at] <= p {
			at++
		}
		for at > l.start && b.places[at-1] > p {
			at--
		}
		l.hint = at
		if past != nil && past[l.lane] >= b.places[at-1] {
			continue
		}
		if !visit(b.writes[at-1]) {
			return any
		}
	}
	for _, w := range b.late[o.Key] {
		if w == i || !b.e.holds(vec, w) {
			continue
		}
		any = true
		if (past == nil || !b.e.holds(past, w)) && !visit(w) {
			return any
		}
	}
	return any
}
