package txn

import (
	"errors"
	"math/bits"

	"github.com/lapse-test/lapse/checkers/txn/internal/dsg"
	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
	"github.com/lapse-test/lapse/checkers/txn/internal/guard"
	"github.com/lapse-test/lapse/checkers/txn/internal/order"
)

// maxChoices is where the second opinion gives up: it learns nothing from what
// fails.
const maxChoices = 300

var errTooHard = errors.New("too many choices")

// bitset is a set of transactions.
type bitset []uint64

func (b bitset) set(i int32)      { b[i>>6] |= 1 << (i & 63) }
func (b bitset) has(i int32) bool { return b[i>>6]&(1<<(i&63)) != 0 }
func (b bitset) or(c bitset) {
	for i, x := range c {
		b[i] |= x
	}
}

// matrix is a relation between transactions, a row each.
type matrix struct {
	n    int32
	row  []bitset
	bits []uint64
}

func newMatrix(n int32) *matrix {
	w := (int(n) + 63) / 64
	m := &matrix{n: n, bits: make([]uint64, w*int(n)), row: make([]bitset, n)}
	for i := range m.row {
		m.row[i] = m.bits[i*w : (i+1)*w : (i+1)*w]
	}
	return m
}

func (m *matrix) clone() *matrix {
	c := newMatrix(m.n)
	copy(c.bits, m.bits)
	return c
}

// each calls f with the members of row i.
func (m *matrix) each(i int32, f func(j int32)) {
	for w, x := range m.row[i] {
		for ; x != 0; x &= x - 1 {
			f(int32(w*64 + bits.TrailingZeros64(x)))
		}
	}
}

// close makes m transitive; it reports false if m has a cycle.
func (m *matrix) close() bool {
	in := make([]int32, m.n)
	for i := range m.n {
		m.each(i, func(j int32) { in[j]++ })
	}
	order := make([]int32, 0, m.n)
	for i := range m.n {
		if in[i] == 0 {
			order = append(order, i)
		}
	}
	for k := 0; k < len(order); k++ {
		m.each(order[k], func(j int32) {
			if in[j]--; in[j] == 0 {
				order = append(order, j)
			}
		})
	}
	if len(order) != int(m.n) {
		return false
	}
	for k := len(order) - 1; k >= 0; k-- {
		i := order[k]
		direct := append(bitset(nil), m.row[i]...)
		for w, x := range direct {
			for ; x != 0; x &= x - 1 {
				m.row[i].or(m.row[w*64+bits.TrailingZeros64(x)])
			}
		}
	}
	return true
}

// solver searches over version orders with the relations as bit matrices: the
// second opinion. It shares no search with the product of graph and automaton.
type solver struct {
	m     *model
	n     int32
	rank  []int32
	pairs []openPair
	// base, wr, ww and rw are relations; ww and rw grow with the choices.
	base, wr, ww, rw *matrix
	choices          int
}

// openPair are two versions of a key whose order is open.
type openPair struct{ a, b order.Version }

// newSolver prepares the search; guess is the order to be tried first.
func newSolver(d *dsg.DSG, m *model, guess []int32) *solver {
	n := int32(d.N)
	s := &solver{m: m, n: n, base: newMatrix(n), wr: newMatrix(n), ww: newMatrix(n), rw: newMatrix(n), rank: make([]int32, n)}
	for i, v := range guess {
		s.rank[v] = int32(i)
	}
	for v := range n {
		if p := d.SoPrev[v]; p >= 0 && m.Base&graph.KindSO != 0 {
			s.base.row[p].set(v)
		}
		if m.Base&graph.KindRT != 0 {
			for u := range n {
				if c := d.OpOf(u).Complete; c < d.OpOf(v).Invoke {
					s.base.row[u].set(v)
				}
			}
		}
	}
	for v := range n {
		for _, e := range d.Externals(v) {
			if e.Source >= 0 && e.Source != v {
				s.wr.row[e.Source].set(v)
			}
		}
	}
	for k, versions := range order.Open(d, &m.Rule) {
		for i := range versions {
			for j := range versions {
				x, y := versions[i], versions[j]
				switch {
				case i == j || y.Node < 0:
				case x.Node < 0, d.Lists[k] && x.Pos < y.Pos:
					s.order(s.ww, s.rw, x, y)
				case i < j && x.Node != y.Node && (!d.Lists[k] || x.Pos == y.Pos):
					p := openPair{x, y}
					if s.rank[x.Node] > s.rank[y.Node] {
						p = openPair{y, x}
					}
					s.pairs = append(s.pairs, p)
				}
			}
		}
	}
	return s
}

// order puts version x before y.
func (s *solver) order(ww, rw *matrix, x, y order.Version) {
	if x.Node >= 0 && x.Node != y.Node {
		ww.row[x.Node].set(y.Node)
	}
	for _, r := range x.Readers {
		if r != y.Node {
			rw.row[r].set(y.Node)
		}
	}
}

// state is a node of the search.
type state struct {
	ww, rw *matrix
	// next is the first pair that may be open; flipped says that the second
	// order of pairs[next] is being tried.
	next    int
	flipped bool
}

// run tells whether there is an order that satisfies the model.
func (s *solver) run(gd *guard.Guard) (bool, error) {
	cur := state{s.ww.clone(), s.rw.clone(), 0, false}
	ok, err := s.propagate(gd, &cur)
	if err != nil || !ok {
		return false, err
	}
	var stack []state
	each := int64(s.n) * int64(s.n) / 4 // two bit matrices a choice
	held := int64(0)
	defer func() { gd.Release(held) }()
	for {
		for cur.next < len(s.pairs) && s.decided(&cur, s.pairs[cur.next]) {
			cur.next++
		}
		if cur.next == len(s.pairs) {
			return true, nil
		}
		// Choose the guessed order first.
		if s.choices++; s.choices > maxChoices {
			return false, errTooHard
		}
		try := state{cur.ww.clone(), cur.rw.clone(), cur.next + 1, false}
		p := s.pairs[cur.next]
		s.order(try.ww, try.rw, p.a, p.b)
		if int64(len(stack)+1)*each > held {
			if err := gd.Reserve(each); err != nil {
				return false, err
			}
			held += each
		}
		stack = append(stack, cur)
		cur = try
		for {
			ok, err := s.propagate(gd, &cur)
			if err != nil {
				return false, err
			}
			if ok {
				break
			}
			// Go back to the last choice with another side to it.
			for len(stack) > 0 && stack[len(stack)-1].flipped {
				stack = stack[:len(stack)-1]
			}
			if len(stack) == 0 {
				return false, nil
			}
			top := &stack[len(stack)-1]
			top.flipped = true
			s.choices++
			cur = state{top.ww.clone(), top.rw.clone(), top.next + 1, false}
			p := s.pairs[top.next]
			s.order(cur.ww, cur.rw, p.b, p.a)
		}
	}
}

// decided tells whether one order of p is in st, its rw edges included: the same
// transactions may be ordered by another key only.
func (s *solver) decided(st *state, p openPair) bool {
	return st.has(p.a, p.b) || st.has(p.b, p.a)
}

func (st *state) has(x, y order.Version) bool {
	if !st.ww.row[x.Node].has(y.Node) {
		return false
	}
	for _, r := range x.Readers {
		if r != y.Node && !st.rw.row[r].has(y.Node) {
			return false
		}
	}
	return true
}

// propagate derives orders from what one side of a pair would close. It reports
// false on a contradiction.
func (s *solver) propagate(gd *guard.Guard, st *state) (bool, error) {
	for {
		if err := gd.Check(); err != nil {
			return false, err
		}
		reach, before, ok := s.closure(st)
		if !ok {
			return false, nil
		}
		changed := false
		for i := st.next; i < len(s.pairs); i++ {
			p := s.pairs[i]
			if s.decided(st, p) {
				continue
			}
			ab := s.impossible(reach, before, p.a, p.b)
			ba := s.impossible(reach, before, p.b, p.a)
			switch {
			case ab && ba:
				return false, nil
			case ab:
				s.order(st.ww, st.rw, p.b, p.a)
				changed = true
			case ba:
				s.order(st.ww, st.rw, p.a, p.b)
				changed = true
			}
		}
		if !changed {
			return true, nil
		}
	}
}

// closure is the model's relation, transitively closed, and what may stand
// before an rw edge: an rw edge from r counts as one from every p in before[r].
func (s *solver) closure(st *state) (reach *matrix, before *matrix, ok bool) {
	d := s.base.clone()
	switch {
	case s.m.OneRW:
		for i := range d.row {
			d.row[i].or(s.wr.row[i])
			d.row[i].or(st.ww.row[i])
		}
		if !d.close() {
			return nil, nil, false
		}
		for r := range s.n {
			bad := false
			st.rw.each(r, func(w int32) { bad = bad || d.row[w].has(r) })
			if bad {
				return nil, nil, false
			}
		}
		return d, nil, true
	case s.m.Automaton.States == 1:
		for i := range d.row {
			d.row[i].or(s.wr.row[i])
			d.row[i].or(st.ww.row[i])
			d.row[i].or(st.rw.row[i])
		}
		return d, nil, d.close()
	}
	// (before;rw?) and, for prefix, ww beside it.
	prefix := s.m.Automaton.Next(0, graph.KindRW) < 0
	for i := range d.row {
		d.row[i].or(s.wr.row[i])
		if !prefix {
			d.row[i].or(st.ww.row[i])
		}
	}
	rel := d.clone()
	before = newMatrix(s.n)
	for p := range s.n {
		d.each(p, func(r int32) {
			rel.row[p].or(st.rw.row[r])
			before.row[r].set(p)
		})
		if prefix {
			rel.row[p].or(st.ww.row[p])
		}
	}
	return rel, before, rel.close()
}

// impossible tells whether putting x before y would close a cycle at once.
func (s *solver) impossible(reach, before *matrix, x, y order.Version) bool {
	if reach.row[y.Node].has(x.Node) {
		return true
	}
	for _, r := range x.Readers {
		if r == y.Node {
			continue
		}
		if before == nil {
			if reach.row[y.Node].has(r) {
				return true
			}
			continue
		}
		hit := false
		before.each(r, func(p int32) { hit = hit || p == y.Node || reach.row[y.Node].has(p) })
		if hit {
			return true
		}
	}
	return false
}
