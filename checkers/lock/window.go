package lock

import (
	"slices"

	"github.com/lapse-test/lapse/history"
)

// A few operations refute a lock by themselves if they are all that went on from some
// moment on, and no state that the lock can have been in then lets them go on: whatever
// came before does not matter. What was begun before that moment may have taken effect
// before; what was not answered by the end need not have.

// window holds the operations between two moments; cut is the first of them, before the
// beginning if it is everything.
type window struct {
	cut, to history.Time
	ops     []op
}

// always is a cut before everything.
const always history.Time = -1

// windowOf are the operations of ops answered after cut and begun by to.
func windowOf(ops []op, cut, to history.Time) window {
	w := window{cut: cut, to: to}
	for _, o := range ops {
		if o.ret <= cut || o.inv > to {
			continue
		}
		if o.ret > to {
			o.ret = history.Never
		}
		w.ops = append(w.ops, o)
	}
	return w
}

// starts are the states that the lock can have been in at first.
func (w *window) starts(r rules) []state {
	out := []state{{owner: nobody}}
	if w.cut == always {
		return out
	}
	if !r.owned {
		for n := 1; n <= r.permits; n++ {
			out = append(out, state{owner: nobody, held: n})
		}
		return out
	}
	owners, releases := []owner{stranger}, map[owner]int{}
	for i := range w.ops {
		o := &w.ops[i]
		if !slices.Contains(owners, o.owner) {
			owners = append(owners, o.owner)
		}
		if o.release {
			releases[o.owner]++
		}
	}
	for _, o := range owners {
		for n := 1; n == 1 || r.reentrant && n <= releases[o]+1; n++ {
			out = append(out, state{owner: o, held: n})
		}
	}
	return out
}

// refutes tells whether the window alone is impossible.
func (w *window) refutes(r rules, stop func() bool) bool {
	s := search{rules: r, ops: w.ops, begun: func(o *op) bool { return o.inv <= w.cut }, stop: stop}
	return s.run(w.starts(r)) == impossible
}

// smallest is the window that begins last among those that end with the answer of the
// operation at place failed and refute; the whole from the beginning does.
func smallest(r rules, ops []op, failed int, stop func() bool) window {
	to := ops[failed].ret
	var cuts []history.Time // answers, the last first, and the beginning
	for i := range ops {
		if ops[i].ret < to {
			cuts = append(cuts, ops[i].ret)
		}
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	slices.Reverse(cuts)
	cuts = append(cuts, always)
	at := func(n int) window { return windowOf(ops, cuts[n], to) }
	lo, hi := -1, 0 // the windows up to lo do not refute
	for hi < len(cuts)-1 {
		if w := at(hi); w.refutes(r, stop) {
			break
		}
		lo, hi = hi, 2*hi+1
	}
	hi = min(hi, len(cuts)-1)
	for lo+1 < hi {
		mid := (lo + hi) / 2
		if w := at(mid); w.refutes(r, stop) {
			hi = mid
		} else {
			lo = mid
		}
	}
	return at(hi)
}

// maxAlone bounds the answered operations that a witness may have for the sake of standing
// alone.
const maxAlone = 12

// alone is w, or a window that begins a little earlier, such that its operations are a
// history by themselves that is refuted by the operation at place failed, and by none
// before: then who looks at the witness alone sees the same violation. whole tells that it
// takes those without an answer for that. Where there is no such window it is w.
func alone(r rules, ops []op, failed int, w window, stop func() bool) (out window, whole bool) {
	cuts := []history.Time{always}
	for i := range ops {
		if ops[i].ret <= w.cut {
			cuts = append(cuts, ops[i].ret)
		}
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	for _, cut := range slices.Backward(cuts) {
		x := windowOf(ops, cut, w.to)
		answered := slices.DeleteFunc(slices.Clone(x.ops), func(o op) bool { return o.info() })
		if len(answered) > maxAlone {
			break
		}
		for _, list := range [][]op{answered, x.ops} {
			s := search{rules: r, ops: list, stop: stop}
			if s.run([]state{{owner: nobody}}) == impossible && list[s.failed].at == ops[failed].at {
				return x, len(list) > len(answered)
			}
		}
	}
	return w, false
}
