package brute

import (
	"slices"

	"github.com/lapse-test/lapse/checkers/internal/register"
)

// Guarantee says, for the read at position i of ops, which operations before it
// in its session demand something: earlier writes, earlier reads, or both.
type Guarantee struct{ OwnWrites, OwnReads bool }

// Session tells whether the operations of one key, with their sessions, satisfy
// a session guarantee: whether some order of the writes that extends real time
// lets every read return a write no older than what its session demands. At most
// a dozen writes.
func Session(g Guarantee, ops []register.Op, sessions []int32) bool {
	var writes []int
	for i := range ops {
		if !ops[i].Installs() {
			continue
		}
		if !ops[i].Info() || slices.ContainsFunc(ops, func(o register.Op) bool { return o.Saw() == ops[i].Val }) {
			writes = append(writes, i)
		}
	}
	first := func(a, b int) bool {
		x, y := &ops[a], &ops[b]
		if x.Ret < y.Inv {
			return true
		}
		return g.OwnWrites && a < b && x.Ret <= y.Inv && sessions[a] == sessions[b]
	}
	place := make([]int, len(ops))
	for i := range place {
		place[i] = -1
	}
	used := make([]bool, len(ops))
	var try func(n int) bool
	try = func(n int) bool {
		if n == len(writes) {
			return satisfied(g, ops, sessions, place)
		}
		for _, w := range writes {
			if used[w] || slices.ContainsFunc(writes, func(x int) bool { return !used[x] && x != w && first(x, w) }) {
				continue
			}
			used[w], place[w] = true, n
			if try(n + 1) {
				return true
			}
			used[w], place[w] = false, -1
		}
		return false
	}
	return try(0)
}

func satisfied(g Guarantee, ops []register.Op, sessions []int32, place []int) bool {
	demanded := map[int32]int{} // session -> place that its next read must reach
	type own struct{ at, by int }
	writes := map[int32]own{}
	for i := range ops {
		op := &ops[i]
		s := sessions[i]
		if v := op.Saw(); v >= 0 {
			need := -1
			if g.OwnReads {
				if d, ok := demanded[s]; ok {
					need = max(need, d)
				}
			}
			if w, ok := writes[s]; ok && g.OwnWrites && ops[w.by].Ret <= op.Inv {
				need = max(need, w.at)
			}
			// Of several writers of the value, the oldest that will do demands
			// the least of later reads.
			best := -2
			if v == register.Initial && need < 0 {
				best = -1
			}
			for j := range ops {
				if ops[j].Installs() && ops[j].Val == v && place[j] >= max(need, 0) && (best == -2 || place[j] < best) {
					best = place[j]
				}
			}
			if best == -2 {
				return false
			}
			if g.OwnReads {
				demanded[s] = best
			}
		}
		if op.Installs() && !op.Info() {
			if w, ok := writes[s]; !ok || place[i] > w.at {
				writes[s] = own{place[i], i}
			}
		}
	}
	return true
}
