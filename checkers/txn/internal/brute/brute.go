// Package brute decides isolation levels by trying every commit order of every
// choice of indeterminate transactions, and of writes that each read may have seen,
// against the axioms of Biswas and Enea (OOPSLA 2019). It knows nothing of graphs, and shares no code with the
// checkers that it is there to test. Exponential: for a handful of transactions.
package brute

import (
	"slices"
	"strings"

	"github.com/lapse-test/lapse/history"
)

// txn is a committed transaction.
type txn struct {
	op    int
	reads []read
	// lists are the whole lists that it read, by key: prefixes of the order of all
	// appends.
	lists []whole
	// writes are the last micro-operations that wrote a key, appends all appended
	// values.
	writes  map[history.Key]int
	appends map[history.Key][]history.Value
}

// read is an external read: of the version that source installed (-1: initial).
type read struct {
	key    history.Key
	source int
}

// whole is a list as a transaction read it, its own appends included.
type whole struct {
	key  history.Key
	list []history.Value
}

// Oracle decides levels for one history.
type Oracle struct {
	h *history.History
	// seen is which write each register read is taken to have seen: one of
	// candidates, by the number of the read.
	candidates map[at][]at
	seen       map[at]at
	// Odd says, after Holds, that the lists of the history name no order of the
	// appends of committed transactions: two of them contradict each other, or one
	// has an element that nobody appended or an aborted one. That is for read
	// committed and upwards to refute; read uncommitted is then not defined here.
	Odd bool
}

// at is a micro-operation: mop of operation op. The initial version and what nobody
// wrote have numbers below 0.
type at struct{ op, mop int }

var (
	initial = at{-1, 0}
	nobody  = at{-2, 0}
)

// New makes an oracle of h.
func New(h *history.History) *Oracle {
	o := &Oracle{h: h, candidates: map[at][]at{}, seen: map[at]at{}}
	for i := range h.Ops {
		mops := h.Mops(&h.Ops[i])
		for j := range mops {
			v := mops[j].Ret
			switch {
			case mops[j].Func == history.CAS:
				v = mops[j].Expect
			case mops[j].Func != history.Read || mops[j].Flags&history.Observed == 0:
				continue
			}
			o.candidates[at{i, j}] = o.writersOf(mops[j].Key, v)
		}
	}
	return o
}

// writersOf are all writes that leave v in k, nobody if there are none.
func (o *Oracle) writersOf(k history.Key, v history.Value) []at {
	var out []at
	if v == history.Absent || v == o.h.Header.Initial {
		out = append(out, initial)
	}
	for i := range o.h.Ops {
		mops := o.h.Mops(&o.h.Ops[i])
		for j := range mops {
			m := &mops[j]
			if m.Key == k && (m.Func == history.Delete && v == history.Absent || (m.Func == history.Write || m.Func == history.CAS) && m.Arg == v) {
				out = append(out, at{i, j})
			}
		}
	}
	if len(out) == 0 {
		out = append(out, nobody)
	}
	return out
}

// Choices is how many ways there are of saying what was read.
func (o *Oracle) Choices() int {
	n := 1
	for _, c := range o.candidates {
		n *= len(c)
	}
	return n
}

// eachReading sets seen to each choice until f returns true, and tells whether it did.
func (o *Oracle) eachReading(f func() bool) bool {
	var reads []at
	for r := range o.candidates {
		reads = append(reads, r)
	}
	var rec func(i int) bool
	rec = func(i int) bool {
		if i == len(reads) {
			return f()
		}
		return slices.ContainsFunc(o.candidates[reads[i]], func(c at) bool {
			o.seen[reads[i]] = c
			return rec(i + 1)
		})
	}
	return rec(0)
}

// base orders.
type base uint8

const (
	none base = iota
	session
	realtime
)

func split(model string) (b base, level string) {
	switch {
	case model == "strict-serializable":
		return realtime, "serializable"
	case strings.HasPrefix(model, "strong-session-"):
		return session, strings.TrimPrefix(model, "strong-session-")
	case strings.HasPrefix(model, "strong-"):
		return realtime, strings.TrimPrefix(model, "strong-")
	}
	switch model {
	case "read-committed-biswas-enea", "read-atomic", "transactional-causal", "prefix", "parallel-snapshot-isolation":
		return session, model
	}
	return none, model
}

// Holds tells whether the history satisfies the model.
func (o *Oracle) Holds(model string) bool {
	b, level := split(model)
	var infos []int
	for i := range o.h.Ops {
		if o.h.Ops[i].Outcome == history.Info {
			infos = append(infos, i)
		}
	}
	for choice := range 1 << len(infos) {
		in := map[int]bool{}
		for j, i := range infos {
			in[i] = choice>>j&1 == 1
		}
		if o.eachReading(func() bool { return o.holdsWith(b, level, in) }) {
			return true
		}
	}
	return false
}

// owner finds who wrote v to k; final says whether it was the last of its
// transaction to the key.
func (o *Oracle) owner(k history.Key, v history.Value) (op, mop int, final, ok bool) {
	for i := range o.h.Ops {
		mops := o.h.Mops(&o.h.Ops[i])
		for j := range mops {
			if m := &mops[j]; m.Func.Installs() && m.Key == k && m.Arg == v {
				final = true
				for _, later := range mops[j+1:] {
					if later.Func.Installs() && later.Key == k {
						final = false
					}
				}
				return i, j, final, true
			}
		}
	}
	return 0, 0, false, false
}

func (o *Oracle) holdsWith(b base, level string, info map[int]bool) bool {
	var txns []txn
	place := map[int]int{}
	for i := range o.h.Ops {
		if c := o.h.Ops[i].Outcome; c == history.OK || c == history.Info && info[i] {
			place[i] = len(txns)
			txns = append(txns, txn{op: i, writes: map[history.Key]int{}, appends: map[history.Key][]history.Value{}})
		}
	}
	committedReads := level != "read-uncommitted"
	internal := level != "read-uncommitted" && level != "read-committed"
	for t := range txns {
		if !o.load(&txns[t], place, committedReads, internal) {
			return false
		}
	}
	if contradictory(txns) {
		o.Odd = true
	}
	so := o.baseOrder(b, txns)
	if level == "parallel-snapshot-isolation" {
		return o.parallel(txns, so)
	}
	found := false
	permute(len(txns), func(co []int) bool {
		found = o.satisfies(level, txns, so, co)
		return found
	})
	return found
}

// load fills in what a transaction read and wrote; it reports false if a read is
// impossible at the level whatever the order.
func (o *Oracle) load(t *txn, place map[int]int, committedReads, internal bool) bool {
	mops := o.h.Mops(&o.h.Ops[t.op])
	ok := true
	bad := func(matters bool) {
		if matters {
			ok = false
		}
	}
	for j := range mops {
		m := &mops[j]
		k := m.Key
		switch m.Func {
		case history.Write, history.Delete:
			t.writes[k] = j
		case history.Append:
			t.appends[k] = append(t.appends[k], m.Arg)
		case history.Read:
			if m.Flags&history.Observed == 0 {
				continue
			}
			o.loadRead(t, j, place, committedReads, internal, bad)
		case history.CAS:
			o.loadRead(t, j, place, committedReads, internal, bad)
			t.writes[k] = j
		case history.ReadList:
			if m.Flags&history.Observed == 0 {
				continue
			}
			o.loadList(t, j, place, committedReads, internal, bad)
		}
	}
	return ok
}

// loadRead takes what the register read j is said to have seen.
func (o *Oracle) loadRead(t *txn, j int, place map[int]int, committedReads, internal bool, bad func(bool)) {
	k := o.h.Mops(&o.h.Ops[t.op])[j].Key
	own, hasOwn := t.writes[k]
	from := o.seen[at{t.op, j}]
	switch {
	case from == nobody:
		bad(committedReads)
	case from == initial:
		if hasOwn {
			bad(internal)
		}
		t.reads = append(t.reads, read{key: k, source: -1})
	case from.op == t.op:
		if from.mop >= j {
			bad(committedReads)
		} else if from.mop != own {
			bad(internal)
		}
	default:
		if hasOwn {
			bad(internal)
		}
		src, committed := place[from.op]
		if !committed {
			bad(committedReads)
			return
		}
		for _, later := range o.h.Mops(&o.h.Ops[from.op])[from.mop+1:] {
			if later.Key == k && later.Func.Writes() {
				bad(committedReads)
				break
			}
		}
		t.reads = append(t.reads, read{key: k, source: src})
	}
}

func (o *Oracle) loadList(t *txn, j int, place map[int]int, committedReads, internal bool, bad func(bool)) {
	m := &o.h.Mops(&o.h.Ops[t.op])[j]
	list := o.h.List(m)
	k := m.Key
	own := t.appends[k]
	n := len(list) - len(own)
	if n < 0 || !slices.Equal(list[n:], own) {
		// Its own appends are not where they belong: the version that it read is
		// the whole list.
		bad(internal)
		n = len(list)
	}
	t.lists = append(t.lists, whole{k, list})
	ext := list[:n]
	last := -1
	for i, v := range list {
		op, mop, final, known := o.owner(k, v)
		_, committed := place[op]
		if slices.Contains(list[:i], v) || !known || !committed {
			o.Odd = true
			bad(committedReads)
			last = -2
			continue
		}
		if i >= n {
			continue
		}
		if op == t.op {
			bad(committedReads && mop > j || internal) // its own, too early or out of place
			last = -2
			continue
		}
		last = place[op]
		if i == len(ext)-1 && !final {
			bad(committedReads)
		}
	}
	if last != -2 {
		t.reads = append(t.reads, read{key: k, source: last})
	}
}

// contradictory tells whether two of the lists are no prefixes of one, or one has
// appends of a transaction without its earlier ones before them.
func contradictory(txns []txn) bool {
	var all []whole
	for i := range txns {
		all = append(all, txns[i].lists...)
	}
	for i, x := range all {
		for _, y := range all[:i] {
			if n := min(len(x.list), len(y.list)); x.key == y.key && !slices.Equal(x.list[:n], y.list[:n]) {
				return true
			}
		}
		for j := range txns {
			next := 0
			own := txns[j].appends[x.key]
			for _, v := range x.list {
				if at := slices.Index(own, v); at > next {
					return true
				} else if at == next {
					next++
				}
			}
		}
	}
	return false
}

func (o *Oracle) baseOrder(b base, txns []txn) [][]bool {
	so := square(len(txns))
	for i := range txns {
		for j := range txns {
			x, y := &o.h.Ops[txns[i].op], &o.h.Ops[txns[j].op]
			if x.Outcome != history.OK || i == j {
				continue
			}
			if b != none && x.Session == y.Session && txns[i].op < txns[j].op && x.Complete <= y.Invoke {
				so[i][j] = true
			}
			if b == realtime && x.Complete < y.Invoke {
				so[i][j] = true
			}
		}
	}
	return so
}

func square(n int) [][]bool {
	m := make([][]bool, n)
	for i := range m {
		m[i] = make([]bool, n)
	}
	return m
}

func permute(n int, f func([]int) bool) {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	var rec func(i int) bool
	rec = func(i int) bool {
		if i == n {
			return f(p)
		}
		for j := i; j < n; j++ {
			p[i], p[j] = p[j], p[i]
			if rec(i + 1) {
				return true
			}
			p[i], p[j] = p[j], p[i]
		}
		return false
	}
	rec(0)
}

func (t *txn) wrote(k history.Key) bool {
	_, ok := t.writes[k]
	return ok || len(t.appends[k]) > 0
}

// satisfies tells whether the commit order co is one that the level allows.
func (o *Oracle) satisfies(level string, txns []txn, so [][]bool, co []int) bool {
	if !o.listsFit(txns, co) {
		return false
	}
	n := len(txns)
	pos := make([]int, n)
	for i, t := range co {
		pos[t] = i
	}
	wr := square(n)
	for t := range txns {
		for _, r := range txns[t].reads {
			if r.source >= 0 {
				wr[r.source][t] = true
			}
		}
	}
	for i := range n {
		for j := range n {
			if so[i][j] && pos[i] > pos[j] {
				return false
			}
			if wr[i][j] && pos[i] > pos[j] && level != "read-uncommitted" {
				return false
			}
		}
	}
	if level == "read-uncommitted" || level == "read-committed" {
		return true
	}
	causal := square(n)
	for i := range n {
		for j := range n {
			causal[i][j] = so[i][j] || wr[i][j]
		}
	}
	direct := square(n)
	for i := range n {
		copy(direct[i], causal[i])
	}
	for k := range n {
		for i := range n {
			for j := range n {
				causal[i][j] = causal[i][j] || causal[i][k] && causal[k][j]
			}
		}
	}
	visible := func(t2, t3, readAt int) bool {
		switch level {
		case "read-committed-biswas-enea":
			for _, r := range txns[t3].reads[:readAt] {
				if r.source == t2 {
					return true
				}
			}
			return false
		case "read-atomic":
			return direct[t2][t3]
		case "transactional-causal":
			return causal[t2][t3]
		case "prefix":
			for t4 := range n {
				if (t4 == t2 || pos[t2] < pos[t4]) && direct[t4][t3] {
					return true
				}
			}
			return false
		case "snapshot-isolation":
			for t4 := range n {
				if t4 != t2 && pos[t2] > pos[t4] {
					continue
				}
				if direct[t4][t3] {
					return true
				}
				if t4 != t3 && pos[t4] < pos[t3] && conflict(&txns[t4], &txns[t3]) {
					return true
				}
			}
			return false
		case "serializable", "repeatable-read":
			return pos[t2] < pos[t3]
		}
		panic("no such level: " + level)
	}
	for t3 := range txns {
		for i, r := range txns[t3].reads {
			for t2 := range txns {
				if t2 == r.source || t2 == t3 || !txns[t2].wrote(r.key) || !visible(t2, t3, i) {
					continue
				}
				if r.source < 0 || pos[t2] > pos[r.source] {
					return false
				}
			}
		}
	}
	return true
}

func conflict(a, b *txn) bool {
	for k := range a.writes {
		if b.wrote(k) {
			return true
		}
	}
	for k := range a.appends {
		if b.wrote(k) {
			return true
		}
	}
	return false
}

// listsFit tells whether every list that was read is a prefix of the appends in
// the order co.
func (o *Oracle) listsFit(txns []txn, co []int) bool {
	all := map[history.Key][]history.Value{}
	for _, t := range co {
		for k, vs := range txns[t].appends {
			all[k] = append(all[k], vs...)
		}
	}
	for t := range txns {
		for _, r := range txns[t].lists {
			if len(r.list) > len(all[r.key]) || !slices.Equal(r.list, all[r.key][:len(r.list)]) {
				return false
			}
		}
	}
	return true
}

// parallel decides parallel snapshot isolation by its relation, for every
// choice of version orders; a commit order of all transactions gives them, but
// need not agree with anything else.
func (o *Oracle) parallel(txns []txn, so [][]bool) bool {
	n := len(txns)
	found := false
	permute(n, func(co []int) bool {
		if !o.listsFit(txns, co) {
			return false
		}
		pos := make([]int, n)
		for i, t := range co {
			pos[t] = i
		}
		d, rw := square(n), square(n)
		for t := range txns {
			for u := range txns {
				d[t][u] = d[t][u] || so[t][u]
				if t != u && pos[t] < pos[u] && conflict(&txns[t], &txns[u]) {
					d[t][u] = true
				}
			}
			for _, r := range txns[t].reads {
				if r.source >= 0 {
					d[r.source][t] = true
				}
				for u := range txns {
					if u != t && u != r.source && txns[u].wrote(r.key) && (r.source < 0 || pos[r.source] < pos[u]) {
						rw[t][u] = true
					}
				}
			}
		}
		for k := range n {
			for i := range n {
				for j := range n {
					d[i][j] = d[i][j] || d[i][k] && d[k][j]
				}
			}
		}
		for i := range n {
			if d[i][i] {
				return false
			}
			for j := range n {
				if d[i][j] && rw[j][i] {
					return false
				}
			}
		}
		found = true
		return true
	})
	return found
}
