package brute

import "github.com/lapse-test/lapse/checkers/internal/register"

// Sequential tells whether the operations of f have one order that keeps every
// session's own and in which every read returns the last write of its key. Late
// writes come after what their session did before. At most 30 operations on 8
// keys.
func Sequential(f *register.Flat) bool {
	var ops []int32
	for i := range f.Ops {
		if f.Ops[i].Kind != 0 {
			ops = append(ops, int32(i))
		}
	}
	if len(f.Thin) > 0 {
		return false
	}
	n := len(ops)
	source := make([]int, n)
	before := make([][]bool, n)
	for i, o := range ops {
		before[i] = make([]bool, n)
		source[i] = -2
		v := f.Ops[o].Sees()
		if v >= 0 && f.Writer[v] == register.NoWriter {
			source[i] = -1
		}
		for j, p := range ops {
			a, b := &f.Ops[o], &f.Ops[p]
			if i != j && a.Lane == b.Lane && !a.Late {
				before[i][j] = a.Place < b.Place || b.Late && a.Place <= b.Place
			}
			if v >= 0 && f.Writer[v] == p {
				source[i] = j
			}
		}
	}
	everything := func(int) bool { return true }
	return serial(f, ops, source, before, everything, true)
}
