package graph

import (
	"slices"

	"github.com/lapse-test/lapse/checkers/txn/internal/guard"
)

// Edge is one step of a cycle between transactions.
type Edge struct {
	From, To int32
	Kind     Kind
}

// maxStarts bounds from how many nodes of a large component the shortest cycle
// is looked for; small ones are searched from everywhere.
const maxStarts = 200

// ShortestCycle finds a cycle of the automaton within the component comp of
// product nodes, with as few transactions as can be found.
func ShortestCycle(gd *guard.Guard, g *Graph, a *Automaton, comp []int32) ([]Edge, error) {
	size := int64(g.Nodes())*int64(a.States)*4 + int64(len(comp))*17
	if err := gd.Reserve(size); err != nil {
		return nil, err
	}
	defer gd.Release(size)
	s := NewSearch(g, a, comp)
	var best []Edge
	for _, start := range s.Starts(comp) {
		c, err := s.From(gd, start, len(best))
		if err != nil {
			if best != nil && guard.IsBudget(err) {
				return best, nil
			}
			return nil, err
		}
		if c == nil {
			continue
		}
		if c = Reduce(a, c); best == nil || len(c) < len(best) {
			best = c
		}
		if len(best) == 2 {
			break
		}
	}
	return best, nil
}

// search is a breadth-first search inside one component. Steps into auxiliary
// nodes cost nothing.
type search struct {
	g *Graph
	a *Automaton
	// member is the place of a product node in the component plus one.
	member []int32
	dist   []int32
	prev   []int32 // product node before
	via    []Kind
	queue  [2][]int32
}

// NewSearch prepares searches in the component comp of the product of g and a.
func NewSearch(g *Graph, a *Automaton, comp []int32) *search {
	s := &search{g: g, a: a, member: make([]int32, g.Nodes()*int(a.States))}
	for i, v := range comp {
		s.member[v] = int32(i) + 1
	}
	s.dist = make([]int32, len(comp))
	s.prev = make([]int32, len(comp))
	s.via = make([]Kind, len(comp))
	return s
}

// Starts are the real nodes of comp, spread evenly if there are many.
func (s *search) Starts(comp []int32) []int32 {
	var real []int32
	for _, v := range comp {
		if int(v/s.a.States) < s.g.real {
			real = append(real, v)
		}
	}
	if len(real) <= maxStarts {
		return real
	}
	var some []int32
	for i := range maxStarts {
		some = append(some, real[i*len(real)/maxStarts])
	}
	return some
}

// From finds the shortest cycle through start, nil if it has limit transactions
// or more (0: no limit).
func (s *search) From(gd *guard.Guard, start int32, limit int) ([]Edge, error) {
	for i := range s.dist {
		s.dist[i] = -1
	}
	cur, next := s.queue[0][:0], s.queue[1][:0]
	s.dist[s.member[start]-1] = 0
	cur = append(cur, start)
	for d := int32(0); len(cur) > 0; d++ {
		if limit > 0 && int(d)+1 >= limit {
			break
		}
		for i := 0; i < len(cur); i++ {
			p := cur[i]
			if s.dist[s.member[p]-1] != d {
				continue
			}
			if err := gd.Tick(); err != nil {
				return nil, err
			}
			v, st := p/s.a.States, p%s.a.States
			to, kinds := s.g.Edges(v)
			for j, u := range to {
				ns := s.a.Next(st, kinds[j])
				if ns < 0 {
					continue
				}
				q := u*s.a.States + ns
				m := s.member[q] - 1
				if m < 0 {
					continue
				}
				if q == start {
					s.queue[0], s.queue[1] = cur, next
					return s.path(start, p, kinds[j]), nil
				}
				cost := int32(0)
				if int(u) < s.g.real {
					cost = 1
				}
				if s.dist[m] >= 0 && s.dist[m] <= d+cost {
					continue
				}
				s.dist[m], s.prev[m], s.via[m] = d+cost, p, kinds[j]
				if cost == 0 {
					cur = append(cur, q)
				} else {
					next = append(next, q)
				}
			}
		}
		cur, next = next, cur[:0]
	}
	s.queue[0], s.queue[1] = cur, next
	return nil, nil
}

// path is the cycle that ends with an edge of kind last from p to start.
func (s *search) path(start, p int32, last Kind) []Edge {
	hops := []hop{{start / s.a.States, last}}
	for p != start {
		m := s.member[p] - 1
		hops = append(hops, hop{p / s.a.States, s.via[m]})
		p = s.prev[m]
	}
	hops = append(hops, hop{start / s.a.States, 0})
	slices.Reverse(hops)
	return Contract(s.g, hops)
}

// Accepts tells whether the automaton can go round c for ever.
func (a *Automaton) Accepts(c []Edge) bool {
	for s := range a.States {
		at := s
		for _, e := range c {
			if at = a.Next(at, e.Kind); at < 0 {
				break
			}
		}
		if at == s {
			return true
		}
	}
	return false
}

// Reduce cuts a closed walk that meets a transaction twice into a shorter one
// that the automaton still accepts, as long as there is one.
func Reduce(a *Automaton, c []Edge) []Edge {
again:
	for {
		for i := range c {
			for j := i + 1; j < len(c); j++ {
				if c[i].From != c[j].From {
					continue
				}
				inner := slices.Clone(c[i:j])
				outer := append(slices.Clone(c[j:]), c[:i]...)
				if len(outer) < len(inner) {
					inner, outer = outer, inner
				}
				for _, part := range [][]Edge{inner, outer} {
					if len(part) > 1 && a.Accepts(part) {
						c = part
						continue again
					}
				}
			}
		}
		return c
	}
}

// Rotate turns the cycle so that it begins with its earliest transaction, which
// makes it the same on every run.
func Rotate(c []Edge) []Edge {
	if len(c) == 0 {
		return c
	}
	first := 0
	for i := range c {
		if c[i].From < c[first].From {
			first = i
		}
	}
	return append(slices.Clone(c[first:]), c[:first]...)
}
