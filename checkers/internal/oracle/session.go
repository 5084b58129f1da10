package oracle

import "github.com/lapse-test/lapse/history"

// Session tells whether each key has an order of its writes that extends real time, in
// which every operation that was answered saw the value of a write no older than what
// its session demands: with own writes, its last acknowledged one; else what it saw
// before. What saw a value that nobody wrote is left aside, and so is what did not say
// what it met. The initial value comes before every write.
func (o *Of) Session(ownWrites bool) bool {
	keys := map[history.Key]bool{}
	for i := range o.ops {
		keys[o.ops[i].key] = true
	}
	for k := range keys {
		if !o.guaranteed(k, ownWrites) {
			return false
		}
	}
	return true
}

func (o *Of) guaranteed(key history.Key, ownWrites bool) bool {
	var writes []int
	for i := range o.ops {
		x := &o.ops[i]
		if x.key == key && x.installs() && o.possible(i) {
			writes = append(writes, i)
		}
	}
	// An unanswered write nobody needs may come last, where nobody demands it.
	first := func(a, b int) bool {
		x, y := &o.ops[a], &o.ops[b]
		return x.ret < y.inv || ownWrites && a < b && x.ret <= y.inv && x.session == y.session
	}
	place := map[int]int{}
	var try func(n int) bool
	try = func(n int) bool {
		if n == len(writes) {
			return o.seenInOrder(key, ownWrites, writes, place)
		}
		for _, w := range writes {
			if _, used := place[w]; used {
				continue
			}
			ready := true
			for _, x := range writes {
				_, used := place[x]
				ready = ready && (used || x == w || !first(x, w))
			}
			if !ready {
				continue
			}
			place[w] = n
			if try(n + 1) {
				return true
			}
			delete(place, w)
		}
		return false
	}
	return try(0)
}

// rootless tells whether the compare-and-set i was built on what was only ever built
// on compare-and-sets.
func (o *Of) rootless(i int) bool {
	installed, held := map[history.Value]bool{}, map[history.Value]bool{o.initial: true}
	same := func(j int) bool { return o.ops[j].key == o.ops[i].key && o.ops[j].installs() }
	for j := range o.ops {
		if same(j) && o.possible(j) {
			installed[o.ops[j].val] = true
		}
	}
	for before := -1; before < len(held); {
		before = len(held)
		for j := range o.ops {
			if x := &o.ops[j]; same(j) && (x.kind == write || held[x.exp] || !x.info && !installed[x.exp] && x.exp != o.initial) {
				held[x.val] = true
			}
		}
	}
	return !held[o.ops[i].exp]
}

// seenInOrder judges one order of the writes: what is seen is taken for the oldest
// write that will do, which demands the least of what follows.
func (o *Of) seenInOrder(key history.Key, ownWrites bool, writes []int, place map[int]int) bool {
	demand := map[int32]int{}
	type own struct{ at, by int }
	last := map[int32]own{}
	for i := range o.ops {
		x := &o.ops[i]
		if x.key != key {
			continue
		}
		if v, ok := x.sees(); ok && !x.info && !(x.kind == cas && o.rootless(i)) {
			need := -1
			if ownWrites {
				if w, ok := last[x.session]; ok && o.ops[w.by].ret <= x.inv {
					need = w.at
				}
			} else if d, ok := demand[x.session]; ok {
				need = d
			}
			best, known := -2, v == o.initial
			if v == o.initial && need < 0 {
				best = -1
			}
			for _, w := range writes {
				if o.ops[w].val == v && w != i {
					known = true
					if place[w] >= max(need, 0) && (best == -2 || place[w] < best) {
						best = place[w]
					}
				}
			}
			if known && best == -2 {
				return false
			}
			if known {
				demand[x.session] = best
			}
		}
		if x.installs() && !x.info {
			if w, ok := last[x.session]; !ok || place[i] > w.at {
				last[x.session] = own{place[i], i}
			}
		}
	}
	return true
}
