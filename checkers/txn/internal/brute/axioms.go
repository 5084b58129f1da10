package brute

import (
	"github.com/lapse-test/lapse/history"
)

// The axioms of Biswas and Enea, by their words.

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
