package session

import (
	"cmp"
	"slices"

	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/history"
)

// arbiter looks for an order of one key's writes that extends real time and
// satisfies demands, by sorting topologically. Real time needs no edges: a write
// may come next if no remaining one was acknowledged before it was invoked.
type arbiter struct {
	start, edge []int32 // demands by their first value, as positions in demands
	missing     []int32 // demands into a value that are not satisfied yet
	state       []nodeState
	byRet       []int32
	ready       []int32
	prev        []step
	queue       []int32
}

type nodeState uint8

const (
	admitted nodeState = 1 << iota // real time lets it come next
	placed
)

// step says how a search reached a value: from another, by a demand or (-1) by
// real time.
type step struct{ from, edge int32 }

// maxCycles bounds how many contradictions are told apart on one key.
const maxCycles = 64

// cycles are contradictory demands on k, whose values are unique: each a
// shortest cycle of demands and (with a = b = -1) steps of real time. Breaking
// one demand of each leaves the rest satisfiable, up to maxCycles.
func (ar *arbiter) cycles(k *register.Key, spans []span, demands []demand) [][]demand {
	n := len(k.Values)
	ar.index(n, demands)
	ar.state = append(ar.state[:0], make([]nodeState, n)...)
	ar.byRet = ar.byRet[:0]
	for v := 1; v < n; v++ {
		if spans[v].ret != history.Never {
			ar.byRet = append(ar.byRet, int32(v))
		}
	}
	slices.SortFunc(ar.byRet, func(a, b int32) int { return cmp.Compare(spans[a].ret, spans[b].ret) })
	ar.state[register.Initial] = placed
	ar.ready = ar.ready[:0]
	left := n - 1
	admit, first := 1, 0
	var out [][]demand
	dropped := map[int32]bool{}
	ar.release(register.Initial, demands, dropped)
	for left > 0 {
		// The values are numbered by invocation, so that admission is a sweep.
		for first < len(ar.byRet) && ar.state[ar.byRet[first]]&placed != 0 {
			first++
		}
		bound := history.Never
		if first < len(ar.byRet) {
			bound = spans[ar.byRet[first]].ret
		}
		for admit < n && spans[admit].inv <= bound {
			ar.state[admit] |= admitted
			if ar.missing[admit] == 0 {
				ar.ready = append(ar.ready, int32(admit))
			}
			admit++
		}
		if len(ar.ready) > 0 {
			v := ar.ready[len(ar.ready)-1]
			ar.ready = ar.ready[:len(ar.ready)-1]
			ar.state[v] |= placed
			left--
			ar.release(v, demands, dropped)
			continue
		}
		if len(out) == maxCycles {
			return out
		}
		chain, broken := ar.shortest(n, spans, demands, dropped)
		if broken < 0 {
			return out
		}
		out = append(out, chain)
		dropped[broken] = true
		ar.satisfy(demands[broken].to)
	}
	return out
}

// index sorts the demands by their first value.
func (ar *arbiter) index(n int, demands []demand) {
	ar.start = append(ar.start[:0], make([]int32, n+1)...)
	ar.missing = append(ar.missing[:0], make([]int32, n)...)
	for i := range demands {
		ar.start[demands[i].from+1]++
		ar.missing[demands[i].to]++
	}
	for v := range n {
		ar.start[v+1] += ar.start[v]
	}
	ar.edge = append(ar.edge[:0], make([]int32, len(demands))...)
	fill := slices.Clone(ar.start[:n])
	for i := range demands {
		f := demands[i].from
		ar.edge[fill[f]] = int32(i)
		fill[f]++
	}
}

// release satisfies the demands that v comes first.
func (ar *arbiter) release(v int32, demands []demand, dropped map[int32]bool) {
	for _, e := range ar.edge[ar.start[v]:ar.start[v+1]] {
		if !dropped[e] {
			ar.satisfy(demands[e].to)
		}
	}
}

func (ar *arbiter) satisfy(v int32) {
	if ar.missing[v]--; ar.missing[v] == 0 && ar.state[v] == admitted {
		ar.ready = append(ar.ready, v)
	}
}

// shortest finds a shortest cycle among the values not yet placed, through a
// demand that goes against the order of invocation (every cycle has one), and
// the demand to break.
func (ar *arbiter) shortest(n int, spans []span, demands []demand, dropped map[int32]bool) ([]demand, int32) {
	var best []demand
	broken := int32(-1)
	tried := 0
	for i := range demands {
		d := &demands[i]
		if d.to >= d.from || dropped[int32(i)] || ar.state[d.from]&placed != 0 || ar.state[d.to]&placed != 0 {
			continue
		}
		if tried++; tried > 32 && best != nil {
			break
		}
		if chain := ar.path(d.to, d.from, n, spans, demands, dropped); chain != nil && (best == nil || len(chain)+1 < len(best)) {
			best = slices.Concat(chain, []demand{*d})
			broken = int32(i)
			if len(best) == 2 {
				break
			}
		}
	}
	return best, broken
}

// path is a shortest path from one value to another by demands and real time,
// nil if there is none.
func (ar *arbiter) path(from, to int32, n int, spans []span, demands []demand, dropped map[int32]bool) []demand {
	if len(ar.prev) < n {
		ar.prev = make([]step, n)
	}
	for i := range n {
		ar.prev[i] = step{-1, -1}
	}
	ar.queue = append(ar.queue[:0], from)
	ar.prev[from] = step{from, -1}
	// Everything invoked after the earliest answer met so far is reached; as
	// values are numbered by invocation, that is everything from swept on.
	swept := int32(n)
	visit := func(v, by, edge int32) {
		if ar.prev[v].from < 0 && ar.state[v]&placed == 0 {
			ar.prev[v] = step{by, edge}
			ar.queue = append(ar.queue, v)
		}
	}
	for q := 0; q < len(ar.queue) && ar.prev[to].from < 0; q++ {
		v := ar.queue[q]
		for _, e := range ar.edge[ar.start[v]:ar.start[v+1]] {
			if !dropped[e] {
				visit(demands[e].to, v, e)
			}
		}
		for swept > 1 && spans[swept-1].inv > spans[v].ret {
			swept--
			visit(swept, v, -1)
		}
	}
	if ar.prev[to].from < 0 {
		return nil
	}
	var chain []demand
	for v := to; v != from; {
		s := ar.prev[v]
		if s.edge >= 0 {
			chain = append(chain, demands[s.edge])
		} else {
			chain = append(chain, demand{s.from, v, -1, -1})
		}
		v = s.from
	}
	slices.Reverse(chain)
	return chain
}
