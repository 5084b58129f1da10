package sequential

import (
	"sort"

	"github.com/lapse-test/lapse/checkers"
)

// vector returns the nodes that precede node n, itself included.
func (g *graph) vector(n int32) []int32 {
	at := int(n) * g.width
	return g.past[at : at+g.width : at+g.width]
}

// precedes tells whether a comes before b (or is it) in the order so far.
func (g *graph) precedes(a, b int32) bool { return g.vector(b)[g.lane[a]] >= g.place[a] }

// saturate adds edges until nothing more follows.
func (g *graph) saturate() result {
	g.past = make([]int32, len(g.op)*g.width)
	g.into = make([][]int32, len(g.op))
	for n := range g.op {
		if n&(1<<16-1) == 0 && g.stop() {
			g.reason = checkers.TimeRanOut
			return unknown
		}
		if s := g.source[n]; s >= 0 {
			g.into[n] = append(g.into[n], s)
		}
	}
	for l := range g.width {
		if a := g.after[l]; a >= 0 && g.start[l] < g.start[l+1] {
			g.into[g.start[l]] = append(g.into[g.start[l]], a)
		}
	}
	for {
		if !g.close() {
			if g.stop() {
				g.reason = checkers.TimeRanOut
				return unknown
			}
			g.cyclic = true
			return refuted
		}
		more, ok := g.derive()
		if !ok {
			g.reason = checkers.TimeRanOut
			return unknown
		}
		if !more {
			return satisfied
		}
	}
}

// close computes all vectors in an order that respects all edges; false if there
// is none.
func (g *graph) close() bool {
	next := make([]int32, g.width)
	placed := make([]bool, len(g.op))
	waiting := make([]int32, len(g.op)) // lane + 1 that waits first
	link := make([]int32, g.width)
	work := make([]int32, g.width)
	for l := range g.width {
		work[l] = int32(g.width - 1 - l)
	}
	done := 0
	for len(work) > 0 {
		if g.stop() {
			return false
		}
		l := work[len(work)-1]
		work = work[:len(work)-1]
		for g.start[l]+next[l] < g.start[l+1] {
			n := g.start[l] + next[l]
			if n&1023 == 0 && g.stop() {
				return false
			}
			blocked := int32(-1)
			for _, p := range g.into[n] {
				if !placed[p] {
					blocked = p
					break
				}
			}
			if blocked >= 0 {
				link[l] = waiting[blocked]
				waiting[blocked] = l + 1
				break
			}
			next[l]++
			vec := g.vector(n)
			if n > g.start[l] {
				copy(vec, g.vector(n-1))
			} else {
				clear(vec)
			}
			for _, p := range g.into[n] {
				for c, x := range g.vector(p) {
					if x > vec[c] {
						vec[c] = x
					}
				}
			}
			vec[l] = g.place[n]
			placed[n] = true
			done++
			for w := waiting[n]; w > 0; w = link[w-1] {
				work = append(work, w-1)
			}
			waiting[n] = 0
		}
	}
	return done == len(g.op)
}

// derive adds what every legal order must satisfy; more tells whether anything
// was new, ok is false if the time ran out.
func (g *graph) derive() (more, ok bool) {
	for k := range g.reads {
		if g.stop() {
			return false, false
		}
		lists := g.byLane(g.writes[k])
		for _, r := range g.reads[k] {
			w := g.source[r]
			for _, list := range lists {
				// A write that precedes the read precedes the write that it saw; of
				// a session's writes the last such says it for all.
				upTo := g.vector(r)[g.lane[list[0]]]
				i := sort.Search(len(list), func(i int) bool { return g.place[list[i]] > upTo })
				for i > 0 && (list[i-1] == w || list[i-1] == r) {
					i--
				}
				if i > 0 {
					x := list[i-1]
					if w == initial {
						// Nothing comes before the initial value: the read must
						// have come first.
						g.add(r, x)
						more = true
					} else if !g.precedes(x, w) {
						g.add(x, w)
						more = true
					}
				}
				// The read precedes every write that follows the write that it saw;
				// of a session's writes the first such says it for all.
				i = 0
				if w >= 0 {
					i = sort.Search(len(list), func(i int) bool { return g.precedes(w, list[i]) })
				}
				for i < len(list) && (list[i] == w || list[i] == r) {
					i++
				}
				if i < len(list) && !g.precedes(r, list[i]) {
					g.add(r, list[i])
					more = true
				}
			}
		}
	}
	return more, true
}

// add makes a precede b.
func (g *graph) add(a, b int32) { g.into[b] = append(g.into[b], a) }

// byLane splits nodes, which are sorted by lane and place.
func (g *graph) byLane(nodes []int32) [][]int32 {
	var out [][]int32
	for i := 0; i < len(nodes); {
		j := i
		for j < len(nodes) && g.lane[nodes[j]] == g.lane[nodes[i]] {
			j++
		}
		out = append(out, nodes[i:j])
		i = j
	}
	return out
}
