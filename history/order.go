package history

import (
	"cmp"
	"slices"
)

// compareOps orders operations by invocation, then by process and, for
// operations that took no time on a coarse clock, by completion.
func compareOps(x, y *Op) int {
	if x.Invoke != y.Invoke { // which is what nearly all differ in
		return cmp.Compare(x.Invoke, y.Invoke)
	}
	return cmp.Or(cmp.Compare(x.Process, y.Process), cmp.Compare(x.Complete, y.Complete))
}

// opSorter sorts operations by their invocation, stably, and keeps its memory.
// What it is given is the work of a few clients one after the other, or a file
// in which only the operations that were open across a cut stand late; so it
// looks for runs that are in order already.
type opSorter struct {
	late, spare []Op
	runs, next  []int
}

// sort sorts ops in place but for those that are out of place.
func (s *opSorter) sort(ops []Op) {
	if byProcess(ops) {
		return
	}
	s.late = s.late[:0]
	kept := 0
	for i := range ops {
		if kept > 0 && compareOps(&ops[i], &ops[kept-1]) < 0 {
			if len(s.late) == cap(s.late) {
				// The memory of all of them at once: a large history has no room for slices that grow.
				s.late = slices.Grow(s.late, lateIn(ops[i:], &ops[kept-1]))
			}
			s.late = append(s.late, ops[i])
			continue
		}
		if kept != i {
			ops[kept] = ops[i]
		}
		kept++
	}
	if len(s.late) == 0 {
		return
	}
	s.sortLate()
	// Merge from the end, where there is room. An operation that was kept came
	// before every late one that equals it.
	to := len(ops) - 1
	for i, j := kept-1, len(s.late)-1; j >= 0; to-- {
		if i >= 0 && compareOps(&ops[i], &s.late[j]) > 0 {
			ops[to] = ops[i]
			i--
		} else {
			ops[to] = s.late[j]
			j--
		}
	}
}

// lateIn counts the operations of ops that come before one that stands before them; last
// is the greatest before ops.
func lateIn(ops []Op, last *Op) int {
	n := 0
	for i := range ops {
		if compareOps(&ops[i], last) < 0 {
			n++
		} else {
			last = &ops[i]
		}
	}
	return n
}

// sortLate merges neighbouring runs until there is one.
func (s *opSorter) sortLate() {
	s.runs = append(s.runs[:0], 0)
	for i := 1; i < len(s.late); i++ {
		if compareOps(&s.late[i], &s.late[i-1]) < 0 {
			s.runs = append(s.runs, i)
		}
	}
	for len(s.runs) > 1 {
		if cap(s.spare) < len(s.late) {
			s.spare = make([]Op, 0, cap(s.late))
		}
		to := s.spare[:0]
		s.next = s.next[:0]
		for i := 0; i < len(s.runs); i += 2 {
			s.next = append(s.next, len(to))
			mid, end := len(s.late), len(s.late)
			if i+1 < len(s.runs) {
				mid = s.runs[i+1]
			}
			if i+2 < len(s.runs) {
				end = s.runs[i+2]
			}
			to = mergeOps(to, s.late[s.runs[i]:mid], s.late[mid:end])
		}
		s.late, s.spare = to, s.late
		s.runs, s.next = s.next, s.runs
	}
}

// mergeOps appends a and b in order to to; equals of a come first.
func mergeOps(to, a, b []Op) []Op {
	for len(a) > 0 && len(b) > 0 {
		if compareOps(&b[0], &a[0]) < 0 {
			to = append(to, b[0])
			b = b[1:]
		} else {
			to = append(to, a[0])
			a = a[1:]
		}
	}
	to = append(to, a...)
	return append(to, b...)
}
