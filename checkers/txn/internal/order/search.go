package order

import (
	"fmt"

	"github.com/lapse-test/lapse/checkers/txn/internal/dsg"
	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
	"github.com/lapse-test/lapse/checkers/txn/internal/guard"
	"github.com/lapse-test/lapse/checkers/txn/internal/ir"
	"github.com/lapse-test/lapse/checkers/txn/internal/sat"
	"github.com/lapse-test/lapse/history"
)

// maxPairs bounds the pairs of versions of unknown order that the search takes.
const maxPairs = 400_000

// pair are two versions of a key whose order is open.
type pair struct {
	a, b Version
}

// orderSearch looks for version orders that a model allows: a propositional
// variable for each pair of versions, true if the first is before the second.
// An assignment gives a graph; each cycle in it that the model forbids becomes a
// clause, until there is no cycle or no assignment.
type orderSearch struct {
	*dsg.DSG
	rule  *graph.Rule
	known *graph.Graph
	pairs []pair
	sat   *sat.Solver
	// lits are the literals that put an edge into the graph, one for each key that
	// can; none for edges that are known.
	lits map[graph.Edge][]sat.Lit
	// rounds counts the assignments that were tried, cycles the clauses.
	rounds, cycles int
}

func newSearch(d *dsg.DSG, r *graph.Rule, known *graph.Graph, guess []int32) (*orderSearch, error) {
	s := &orderSearch{DSG: d, rule: r, known: known}
	rank := make([]int32, d.N)
	for i, v := range guess {
		rank[v] = int32(i)
	}
	edges := int64(0)
	for k, versions := range Open(d, r) {
		for i, x := range versions {
			for _, y := range versions[i+1:] {
				if x.Node < 0 || y.Node < 0 || x.Node == y.Node || d.Lists[k] && (x.Pos != ir.Unobserved || y.Pos != ir.Unobserved) {
					continue
				}
				if rank[x.Node] > rank[y.Node] {
					s.pairs = append(s.pairs, pair{y, x})
				} else {
					s.pairs = append(s.pairs, pair{x, y})
				}
				edges += int64(2 + len(x.Readers) + len(y.Readers))
			}
			if len(s.pairs) > maxPairs {
				return nil, fmt.Errorf("%w: more than %d pairs of versions", guard.ErrMemory, maxPairs)
			}
		}
	}
	if err := d.Guard.Reserve(edges * 100); err != nil {
		return nil, err
	}
	s.sat = sat.New(len(s.pairs))
	s.lits = make(map[graph.Edge][]sat.Lit, edges)
	for v, p := range s.pairs {
		s.sat.SetPhase(v, true)
		s.each(p.a, p.b, func(e graph.Edge) { s.lits[e] = append(s.lits[e], sat.Pos(v)) })
		s.each(p.b, p.a, func(e graph.Edge) { s.lits[e] = append(s.lits[e], sat.Neg(v)) })
		switch {
		case precedes(d, r.Base, p.a.Node, p.b.Node):
			s.sat.Add(sat.Pos(v))
		case precedes(d, r.Base, p.b.Node, p.a.Node):
			s.sat.Add(sat.Neg(v))
		}
	}
	for v := range int32(d.N) {
		to, kinds := known.Edges(v)
		for j, u := range to {
			delete(s.lits, graph.Edge{From: v, To: u, Kind: kinds[j]})
		}
	}
	return s, nil
}

// precedes tells whether the base order alone puts u before v.
func precedes(d *dsg.DSG, base graph.Kind, u, v int32) bool {
	x, y := d.OpOf(u), d.OpOf(v)
	return base&graph.KindRT != 0 && x.Outcome == history.OK && x.Complete < y.Invoke ||
		base&graph.KindSO != 0 && d.Chain[u] == d.Chain[v] && d.ChainAt[u] < d.ChainAt[v]
}

// each gives the edges that follow when x is before y.
func (s *orderSearch) each(x, y Version, f func(e graph.Edge)) {
	f(graph.Edge{From: x.Node, To: y.Node, Kind: graph.KindWW})
	for _, r := range x.Readers {
		if r != y.Node {
			f(graph.Edge{From: r, To: y.Node, Kind: graph.KindRW})
		}
	}
}

// chosen returns the graph of what is known and what the assignment says.
func (s *orderSearch) chosen() (*graph.Graph, error) {
	return graph.Make(s.Guard, s.N, s.known.Nodes(), func(edge func(from, to int32, k graph.Kind)) error {
		for v := range int32(s.known.Nodes()) {
			if err := s.Guard.Tick(); err != nil {
				return err
			}
			to, kinds := s.known.Edges(v)
			for j, u := range to {
				edge(v, u, kinds[j])
			}
		}
		for v, p := range s.pairs {
			if !s.sat.Value(v) {
				p.a, p.b = p.b, p.a
			}
			edge(p.a.Node, p.b.Node, graph.KindWW)
			for _, r := range p.a.Readers {
				if r != p.b.Node {
					edge(r, p.b.Node, graph.KindRW)
				}
			}
		}
		return nil
	})
}

// run tells whether the model allows some order. It gives memory back.
func (s *orderSearch) run() (bool, error) {
	for {
		s.rounds++
		ok, err := s.sat.Solve(s.Guard.Tick)
		if err != nil || !ok {
			return false, err
		}
		used := s.Guard.Used
		g, err := s.chosen()
		if err != nil {
			return false, err
		}
		cycles, err := s.forbidden(g)
		s.Guard.Used = used
		if err != nil || len(cycles) == 0 {
			return err == nil, err
		}
		// The clauses are made before the first is added, which undoes the
		// assignment.
		var clauses [][]sat.Lit
		for _, c := range cycles {
			clauses = append(clauses, s.clause(c))
		}
		for _, c := range clauses {
			s.cycles++
			if !s.sat.Add(c...) {
				return false, nil
			}
		}
		if err := s.Guard.Check(); err != nil {
			return false, err
		}
	}
}

// clause says that not all choices that make the cycle c are made. It is false
// under the assignment, so that this one does not come again.
func (s *orderSearch) clause(c []graph.Edge) []sat.Lit {
	var lits []sat.Lit
	for _, e := range c {
		for _, l := range s.lits[e] {
			if s.sat.Value(l.Var()) == (l == sat.Pos(l.Var())) {
				lits = append(lits, l.Not())
				break
			}
		}
	}
	return lits
}

// Bounds of how many cycles one assignment is asked for: many at once save
// rounds.
const (
	maxComponents = 64
	cyclesEach    = 8
)

// forbidden finds cycles in g that the model forbids, none if there are none.
func (s *orderSearch) forbidden(g *graph.Graph) ([][]graph.Edge, error) {
	cycles, err := s.cyclesOf(g, s.rule.Automaton)
	if err != nil || len(cycles) > 0 || !s.rule.OneRW {
		return cycles, err
	}
	c, err := graph.SingleRW(s.Guard, g, s.rule.Automaton.Mask)
	if c == nil {
		return nil, err
	}
	return [][]graph.Edge{c}, err
}

func (s *orderSearch) cyclesOf(g *graph.Graph, a *graph.Automaton) ([][]graph.Edge, error) {
	comps, err := graph.Components(s.Guard, g, a)
	if err != nil {
		return nil, err
	}
	var out [][]graph.Edge
	for i, comp := range comps {
		if i == maxComponents {
			break
		}
		x := graph.NewSearch(g, a, comp)
		starts := x.Starts(comp)
		for j := range min(cyclesEach, len(starts)) {
			c, err := x.From(s.Guard, starts[j*len(starts)/min(cyclesEach, len(starts))], 0)
			if err != nil {
				return nil, err
			}
			if c != nil {
				out = append(out, graph.Reduce(a, c))
			}
		}
	}
	return out, nil
}
