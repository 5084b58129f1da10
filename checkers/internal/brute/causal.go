package brute

import (
	"github.com/lapse-test/lapse/checkers/internal/register"
)

// Causally tells whether the operations ops of f (indexes, with the writers of
// what they saw) satisfy one of the causal models, by their definitions over the
// full order relation and, for the per-session ones, by trying every order of
// each session's view. At most 30 operations.
type Causally struct {
	// Convergent asks for one order of all writes, Views for an order a session,
	// Session alone (without what was read by others) for PRAM.
	Convergent, Views, SessionAlone bool
}

// Satisfied decides ops.
func (c Causally) Satisfied(f *register.Flat, ops []int32) bool {
	r, ok := relate(f, ops)
	if !ok {
		return false
	}
	if !c.SessionAlone {
		co, ok := r.closure(all, no)
		if !ok || r.overwritten(co) {
			return false
		}
		if c.Convergent {
			if _, ok := r.closure(all, func(i, j int) bool { return r.arbitrated(co, i, j) }); !ok {
				return false
			}
		}
	}
	if !c.Views {
		return true
	}
	for l := range f.Lanes() {
		own := func(i int) bool { return r.op(i).Lane == int32(l) && !r.op(i).Late }
		readers := all
		if c.SessionAlone {
			readers = own
		}
		before, ok := r.closure(readers, no)
		if !ok || !serial(f, ops, r.source, before, own, c.SessionAlone) {
			return false
		}
	}
	return true
}

func all(int) bool     { return true }
func no(int, int) bool { return false }

// What stands in for a writer: initial that nobody wrote what an operation saw, silent that what it
// saw says nothing.
const (
	initial = -1
	silent  = -2
)

// relations are those of some operations, by their place among ops.
type relations struct {
	f   *register.Flat
	ops []int32
	// source is the writer of what each saw, initial or silent.
	source []int
}

// relate is not ok if an operation saw what nobody can have written.
func relate(f *register.Flat, ops []int32) (*relations, bool) {
	at := map[int32]int{}
	for i, o := range ops {
		at[o] = i
	}
	r := &relations{f, ops, make([]int, len(ops))}
	for i, o := range ops {
		v := f.Ops[o].Sees()
		r.source[i] = silent
		switch {
		case v == register.Unknown:
			return r, false
		case v < 0 || f.Writer[v] == register.Several:
		case f.Writer[v] < 0:
			r.source[i] = initial
		default:
			// Without its writer an operation stands for its write alone.
			if j, ok := at[f.Writer[v]]; ok {
				r.source[i] = j
			}
		}
	}
	return r, true
}

func (r *relations) op(i int) *register.FlatOp { return &r.f.Ops[r.ops[i]] }

// session says whether i is before j in a session.
func (r *relations) session(i, j int) bool {
	a, b := r.op(i), r.op(j)
	if i == j || a.Lane != b.Lane || a.Late {
		return false
	}
	if b.Late {
		return a.Place <= b.Place
	}
	return a.Place < b.Place
}

// writes says whether i writes the key that j reads.
func (r *relations) writes(i, j int) bool {
	return i != j && r.op(i).Installs() && r.op(i).Key == r.op(j).Key
}

// closure is the transitive closure of session order, of what these readers read from, and of
// more. It is not ok if there is a cycle.
func (r *relations) closure(readers func(i int) bool, more func(i, j int) bool) ([][]bool, bool) {
	n := len(r.ops)
	m := make([][]bool, n)
	for i := range m {
		m[i] = make([]bool, n)
		for j := range m[i] {
			m[i][j] = r.session(i, j) || r.source[j] == i && readers(j) || more(i, j)
		}
	}
	for k := range n {
		for i := range n {
			for j := range n {
				m[i][j] = m[i][j] || m[i][k] && m[k][j]
			}
		}
	}
	for i := range n {
		if m[i][i] {
			return m, false
		}
	}
	return m, true
}

// overwritten says whether an operation saw what another write had replaced in the causal order co.
func (r *relations) overwritten(co [][]bool) bool {
	for i, source := range r.source {
		if source == silent {
			continue
		}
		for w := range r.ops {
			if r.writes(w, i) && co[w][i] && w != source && (source == initial || co[source][w]) {
				return true
			}
		}
	}
	return false
}

// arbitrated says whether the write i must be before the write j, because somebody who had i in
// the causal order co saw j.
func (r *relations) arbitrated(co [][]bool, i, j int) bool {
	if i == j || !r.op(i).Installs() {
		return false
	}
	for k, source := range r.source {
		if source == j && r.writes(i, k) && co[i][k] {
			return true
		}
	}
	return false
}

// serial tells whether the writes and the own reads have an order that extends
// before in which every own read returns the last write of its key. Unless
// everything counts, only the past of the own operations does.
func serial(f *register.Flat, ops []int32, source []int, before [][]bool, own func(int) bool, everything bool) bool {
	n := len(ops)
	in := make([]bool, n)
	for i := range n {
		in[i] = own(i) || everything && f.Ops[ops[i]].Installs()
		for j := range n {
			if own(j) && before[i][j] {
				in[i] = true
			}
		}
	}
	type config struct {
		done uint32
		last [8]int8
	}
	seen := map[config]bool{}
	keys := map[int32]int{}
	var full uint32
	for i := range n {
		if in[i] {
			full |= 1 << i
		}
		if _, ok := keys[f.Ops[ops[i]].Key]; !ok {
			keys[f.Ops[ops[i]].Key] = len(keys)
		}
	}
	if len(keys) > 8 {
		return true
	}
	var try func(c config) bool
	try = func(c config) bool {
		if c.done == full {
			return true
		}
		if seen[c] {
			return false
		}
		seen[c] = true
		for i := range n {
			if !in[i] || c.done>>i&1 == 1 {
				continue
			}
			ready := true
			for j := range n {
				if in[j] && before[j][i] && c.done>>j&1 == 0 {
					ready = false
				}
			}
			o := &f.Ops[ops[i]]
			k := keys[o.Key]
			if !ready || own(i) && source[i] != silent && c.last[k] != int8(source[i]+1) {
				continue
			}
			next := c
			next.done |= 1 << i
			if o.Installs() {
				next.last[k] = int8(i + 1)
			}
			if try(next) {
				return true
			}
		}
		return false
	}
	return try(config{})
}
