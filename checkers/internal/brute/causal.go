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
	n := len(ops)
	at := map[int32]int{}
	for i, o := range ops {
		at[o] = i
	}
	source := make([]int, n) // the writer of what it saw, -1 initial or none, -2 says nothing
	for i, o := range ops {
		v := f.Ops[o].Sees()
		source[i] = -2
		switch {
		case v == register.Unknown:
			return false
		case v < 0 || f.Writer[v] == register.Several:
		case f.Writer[v] < 0:
			source[i] = -1
		default:
			// Without its writer an operation stands for its write alone.
			if j, ok := at[f.Writer[v]]; ok {
				source[i] = j
			}
		}
	}
	session := func(i, j int) bool { // i before j in a session
		a, b := &f.Ops[ops[i]], &f.Ops[ops[j]]
		if i == j || a.Lane != b.Lane || a.Late {
			return false
		}
		if b.Late {
			return a.Place <= b.Place
		}
		return a.Place < b.Place
	}
	// order is the transitive closure of session order and, unless only sessions
	// count, reads-from.
	closure := func(readers func(i int) bool, more func(i, j int) bool) ([][]bool, bool) {
		m := make([][]bool, n)
		for i := range m {
			m[i] = make([]bool, n)
			for j := range m[i] {
				m[i][j] = session(i, j) || source[j] == i && readers(j) || more(i, j)
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
	no := func(int, int) bool { return false }
	all := func(int) bool { return true }
	writes := func(i, j int) bool { // i writes the key that j reads
		return i != j && f.Ops[ops[i]].Installs() && f.Ops[ops[i]].Key == f.Ops[ops[j]].Key
	}
	if !c.SessionAlone {
		co, ok := closure(all, no)
		if !ok {
			return false
		}
		for r := range n {
			if source[r] == -2 {
				continue
			}
			for w := range n {
				if writes(w, r) && co[w][r] && w != source[r] && (source[r] == -1 || co[source[r]][w]) {
					return false
				}
			}
		}
		if c.Convergent {
			_, ok := closure(all, func(i, j int) bool {
				if !f.Ops[ops[i]].Installs() {
					return false
				}
				for r := range n {
					if source[r] == j && i != j && writes(i, r) && co[i][r] {
						return true
					}
				}
				return false
			})
			if !ok {
				return false
			}
		}
	}
	if !c.Views {
		return true
	}
	for l := range f.Lanes() {
		readers := all
		if c.SessionAlone {
			readers = func(i int) bool { return f.Ops[ops[i]].Lane == int32(l) && !f.Ops[ops[i]].Late }
		}
		before, ok := closure(readers, no)
		if !ok {
			return false
		}
		own := func(i int) bool { return f.Ops[ops[i]].Lane == int32(l) && !f.Ops[ops[i]].Late }
		if !serial(f, ops, source, before, own, c.SessionAlone) {
			return false
		}
	}
	return true
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
			if !ready || own(i) && source[i] != -2 && c.last[k] != int8(source[i]+1) {
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
