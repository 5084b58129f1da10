package brute

import (
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/history"
)

// WriteOrder tells whether no read among ops (of f) misses a write that its
// session had to see: with monotonic writes, one that the session of a write that
// it had seen wrote earlier; with writes follow reads, one that the session of a
// write that it had seen read earlier, and so on from there. A read misses a
// write if it returned a value known to be older, by real time or by the order of
// the session that wrote both. With writes follow reads nothing may come before itself
// either, by session order and what was read from whom.
func WriteOrder(h *history.History, f *register.Flat, ops []int32, followReads bool) bool {
	source := func(i int32) (int32, bool) {
		v := f.Ops[i].Sees()
		if v < 0 || f.Writer[v] == register.Several {
			return -1, false
		}
		if f.Writer[v] < 0 {
			return -1, true
		}
		for _, o := range ops {
			if o == f.Writer[v] {
				return o, true
			}
		}
		return -1, false
	}
	if followReads && cyclic(f, ops, source) {
		return false
	}
	older := func(w, x int32) bool {
		if w < 0 {
			return true
		}
		a, b := &f.Ops[w], &f.Ops[x]
		return !a.Late && (h.Ops[w].Complete < h.Ops[x].Invoke || a.Lane == b.Lane && a.Place < b.Place)
	}
	for _, r := range ops {
		w, ok := source(r)
		if !ok || f.Ops[r].Late {
			continue
		}
		misses := func(x int32) bool {
			if x >= 0 && f.Ops[x].Lane == f.Ops[r].Lane && f.Ops[x].Place >= f.Ops[r].Place {
				return false // its own future
			}
			return x >= 0 && x != w && x != r && f.Ops[x].Key == f.Ops[r].Key && older(w, x)
		}
		// What the session had seen when it made the read, that read included.
		var reads []int32
		visited := map[int32]bool{}
		for _, o := range ops {
			if a := &f.Ops[o]; !a.Late && a.Lane == f.Ops[r].Lane && a.Place <= f.Ops[r].Place {
				reads = append(reads, o)
				visited[o] = true
			}
		}
		for len(reads) > 0 {
			y, ok := source(reads[0])
			// What it read itself is the business of monotonic reads, and what a
			// compare-and-set without an answer saw is only followed further.
			own := f.Ops[reads[0]].Lane == f.Ops[r].Lane || f.Ops[reads[0]].Late
			reads = reads[1:]
			if !ok || y < 0 {
				continue
			}
			if followReads && !own && misses(y) {
				return false
			}
			for _, o := range ops {
				a := &f.Ops[o]
				if a.Late || a.Lane != f.Ops[y].Lane || a.Place > f.Ops[y].Place {
					continue
				}
				if !followReads && o != y && a.Installs() && misses(o) {
					return false
				}
				if followReads && !visited[o] {
					visited[o] = true
					reads = append(reads, o)
				}
			}
			if followReads && f.Ops[y].Late && !visited[y] {
				visited[y] = true
				reads = append(reads, y)
			}
		}
	}
	return true
}

// cyclic tells whether some operation among ops comes before itself.
func cyclic(f *register.Flat, ops []int32, source func(int32) (int32, bool)) bool {
	n := len(ops)
	m := make([]bool, n*n)
	for i, a := range ops {
		for j, b := range ops {
			x, y := &f.Ops[a], &f.Ops[b]
			w, ok := source(b)
			m[i*n+j] = ok && w == a || i != j && x.Lane == y.Lane && !x.Late && (x.Place < y.Place || y.Late && x.Place <= y.Place)
		}
	}
	for k := range n {
		for i := range n {
			for j := range n {
				m[i*n+j] = m[i*n+j] || m[i*n+k] && m[k*n+j]
			}
		}
	}
	for i := range n {
		if m[i*n+i] {
			return true
		}
	}
	return false
}
