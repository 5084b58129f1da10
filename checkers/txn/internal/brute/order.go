package brute

import (
	"slices"

	"github.com/lapse-test/lapse/history"
)

// Orders: what sessions and real time say, all permutations, and what lists say of them.

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
