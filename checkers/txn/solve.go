package txn

import (
	"fmt"
	"strings"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
	"github.com/lapse-test/lapse/checkers/txn/internal/guard"
	"github.com/lapse-test/lapse/checkers/txn/internal/sat"
	"github.com/lapse-test/lapse/history"
)

// maxPairs is how many pairs of versions of unknown order the search takes.
const maxPairs = 400_000

// pair are two versions of a key whose order is open.
type pair struct {
	a, b openVersion
}

// openVersion is a version of a key: its writer, or -1 for the initial one, and
// its readers.
type openVersion struct {
	node    int32
	readers []int32
	pos     int32
}

// orderSearch looks for version orders that a model allows: a propositional
// variable for each pair of versions, true if the first is before the second.
// An assignment gives a graph; each cycle in it that the model forbids becomes a
// clause, until there is no cycle or no assignment.
type orderSearch struct {
	*analysis
	m     *model
	known *graph.Graph
	pairs []pair
	sat   *sat.Solver
	// lits are the literals that put an edge into the graph, one for each key that
	// can; none for edges that are known.
	lits map[graph.Edge][]sat.Lit
	// rounds counts the assignments that were tried, cycles the clauses.
	rounds, cycles int
}

func (a *analysis) newSearch(m *model, known *graph.Graph, guess []int32) (*orderSearch, error) {
	s := &orderSearch{analysis: a, m: m, known: known}
	rank := make([]int32, a.n)
	for i, v := range guess {
		rank[v] = int32(i)
	}
	edges := int64(0)
	for k, versions := range a.openVersions(m) {
		for i, x := range versions {
			for _, y := range versions[i+1:] {
				if x.node < 0 || y.node < 0 || x.node == y.node || a.lists[k] && (x.pos != unobserved || y.pos != unobserved) {
					continue
				}
				if rank[x.node] > rank[y.node] {
					s.pairs = append(s.pairs, pair{y, x})
				} else {
					s.pairs = append(s.pairs, pair{x, y})
				}
				edges += int64(2 + len(x.readers) + len(y.readers))
			}
			if len(s.pairs) > maxPairs {
				return nil, fmt.Errorf("%w: more than %d pairs of versions", guard.ErrMemory, maxPairs)
			}
		}
	}
	if err := a.gd.Reserve(edges * 100); err != nil {
		return nil, err
	}
	s.sat = sat.New(len(s.pairs))
	s.lits = make(map[graph.Edge][]sat.Lit, edges)
	for v, p := range s.pairs {
		s.sat.SetPhase(v, true)
		s.each(p.a, p.b, func(e graph.Edge) { s.lits[e] = append(s.lits[e], sat.Pos(v)) })
		s.each(p.b, p.a, func(e graph.Edge) { s.lits[e] = append(s.lits[e], sat.Neg(v)) })
		switch {
		case a.precedes(m.base, p.a.node, p.b.node):
			s.sat.Add(sat.Pos(v))
		case a.precedes(m.base, p.b.node, p.a.node):
			s.sat.Add(sat.Neg(v))
		}
	}
	for v := range int32(a.n) {
		to, kinds := known.Edges(v)
		for j, u := range to {
			delete(s.lits, graph.Edge{From: v, To: u, Kind: kinds[j]})
		}
	}
	return s, nil
}

// precedes tells whether the base order alone puts u before v.
func (a *analysis) precedes(base graph.Kind, u, v int32) bool {
	x, y := a.opOf(u), a.opOf(v)
	return base&graph.KindRT != 0 && x.Outcome == history.OK && x.Complete < y.Invoke ||
		base&graph.KindSO != 0 && a.chain[u] == a.chain[v] && a.chainAt[u] < a.chainAt[v]
}

// each gives the edges that follow when x is before y.
func (s *orderSearch) each(x, y openVersion, f func(e graph.Edge)) {
	f(graph.Edge{From: x.node, To: y.node, Kind: graph.KindWW})
	for _, r := range x.readers {
		if r != y.node {
			f(graph.Edge{From: r, To: y.node, Kind: graph.KindRW})
		}
	}
}

// graph is what is known and what the assignment says.
func (s *orderSearch) chosen() (*graph.Graph, error) {
	return graph.Make(s.gd, s.n, s.known.Nodes(), func(edge func(from, to int32, k graph.Kind)) error {
		for v := range int32(s.known.Nodes()) {
			if err := s.gd.Tick(); err != nil {
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
			edge(p.a.node, p.b.node, graph.KindWW)
			for _, r := range p.a.readers {
				if r != p.b.node {
					edge(r, p.b.node, graph.KindRW)
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
		ok, err := s.sat.Solve(s.gd.Tick)
		if err != nil || !ok {
			return false, err
		}
		used := s.gd.Used
		g, err := s.chosen()
		if err != nil {
			return false, err
		}
		cycles, err := s.forbidden(g)
		s.gd.Used = used
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
		if err := s.gd.Check(); err != nil {
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
	cycles, err := s.cyclesOf(g, s.m.automaton)
	if err != nil || len(cycles) > 0 || s.m.level != levelPSI {
		return cycles, err
	}
	c, err := graph.SingleRW(s.gd, g, s.m.automaton.Mask)
	if c == nil {
		return nil, err
	}
	return [][]graph.Edge{c}, err
}

func (s *orderSearch) cyclesOf(g *graph.Graph, a *graph.Automaton) ([][]graph.Edge, error) {
	comps, err := graph.Components(s.gd, g, a)
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
			c, err := x.From(s.gd, starts[j*len(starts)/min(cyclesEach, len(starts))], 0)
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

// solve searches for version orders, beginning with the guessed one.
func (a *analysis) solve(m *model, known *graph.Graph, guess []int32) (outcome, error) {
	s, err := a.newSearch(m, known, guess)
	if err != nil {
		if guard.IsBudget(err) {
			return notSolved(err.Error()), nil
		}
		return outcome{}, err
	}
	ok, err := s.run()
	if err != nil {
		if guard.IsBudget(err) {
			return notSolved(err.Error()), nil
		}
		return outcome{}, err
	}
	if ok {
		return outcome{status: checkers.Held, algorithm: "a version order found by search"}, nil
	}
	o := outcome{status: checkers.Violated, total: 1, algorithm: "search over version orders"}
	o.violations = append(o.violations, a.noOrder(m, s))
	return o, nil
}

// maxNamed is how many transactions of a refutation by search are shown.
const maxNamed = 12

// noOrder is the violation that no version order satisfies the level, on as few
// transactions as leave it so.
func (a *analysis) noOrder(m *model, s *orderSearch) checkers.Violation {
	keep := a.shrink(m)
	v := checkers.Violation{Anomaly: AnomalyNoOrder, Session: -1}
	var let strings.Builder
	for i, op := range keep {
		v.Ops = append(v.Ops, int(op))
		if i < maxNamed {
			fmt.Fprintf(&let, "  %s = %s\n", opName(int(op)), describe(a.shown, int(op)))
		}
		v.Steps = append(v.Steps, checkers.Step{From: int(op), To: -1, Kind: "fact", Why: describe(a.shown, int(op))})
	}
	if len(keep) > maxNamed {
		fmt.Fprintf(&let, "  ... and %d more\n", len(keep)-maxNamed)
	}
	v.Sentence = fmt.Sprintf("Let:\n%sThen:\n  - in whatever order their versions were installed, there is a cycle that %s forbids (the search took %d orders and %d cycles): a contradiction!",
		let.String(), m.name, s.rounds, s.cycles)
	v.Certified = "the same search on the witness alone"
	finish(a.h, &v)
	return v
}

// shrinkTime is how long shrinking may take: it makes a refutation readable, and
// no verdict depends on it.
const shrinkTime = 3 * time.Second

// shrink removes transactions, together with those that read from them, as long
// as what is left still has no order; first many at a time, then one by one.
func (a *analysis) shrink(m *model) []int32 {
	gd := a.gd.Fork()
	if d := time.Now().Add(shrinkTime); d.Before(gd.Deadline) {
		gd.Deadline = d
	}
	keep := append([]int32(nil), a.op...)
	readers := a.readersOfOps()
	for size := max(1, len(keep)/2); ; size = (size + 1) / 2 {
		for end := len(keep); end > 0; {
			from := max(0, end-size)
			rest := without(keep, keep[from:end], readers)
			if len(rest) < len(keep) && len(rest) > 0 {
				if broken, err := a.stillBroken(gd, m, rest); err != nil {
					return keep
				} else if broken {
					keep = rest
				}
			}
			end = min(from, len(keep))
		}
		if size == 1 {
			return keep
		}
	}
}

// readersOfOps lists, for each operation, those that read something of it, the
// whole of their lists included.
func (a *analysis) readersOfOps() map[int32][]int32 {
	out := map[int32][]int32{}
	for v := range int32(a.n) {
		for _, e := range a.externals(v) {
			if !a.lists[e.key] {
				if e.source >= 0 {
					out[a.op[e.source]] = append(out[a.op[e.source]], a.op[v])
				}
				continue
			}
			for i := int32(0); i <= e.pos; i++ {
				if u := a.committedAt(e.key, i); u >= 0 && u != v {
					out[a.op[u]] = append(out[a.op[u]], a.op[v])
				}
			}
		}
	}
	return out
}

// without is keep without drop and all that read from it, however indirectly.
func without(keep, drop []int32, readers map[int32][]int32) []int32 {
	gone := map[int32]bool{}
	todo := append([]int32(nil), drop...)
	for len(todo) > 0 {
		op := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !gone[op] {
			gone[op] = true
			todo = append(todo, readers[op]...)
		}
	}
	var rest []int32
	for _, op := range keep {
		if !gone[op] {
			rest = append(rest, op)
		}
	}
	return rest
}

// stillBroken tells whether the model has no order for the operations ops alone.
func (a *analysis) stillBroken(gd *guard.Guard, m *model, ops []int32) (bool, error) {
	index := make([]int, len(ops))
	for i, op := range ops {
		index[i] = int(op)
	}
	sub := gd.Fork()
	part := a.h.Subset(index)
	r, err := build(part, part, sub)
	if err != nil {
		return false, err
	}
	if err := r.examine(); err != nil {
		return false, err
	}
	b := &analysis{dsg: r.newDSG(), gd: sub}
	b.full()
	known, err := b.graph()
	if err != nil {
		return false, err
	}
	if broken, err := b.breaks(m, known); err != nil || broken {
		return broken, err
	}
	order := make([]int32, b.n)
	for i := range order {
		order[i] = int32(i)
	}
	s, err := b.newSearch(m, known, order)
	if err != nil {
		return false, err
	}
	ok, err := s.run()
	return !ok, err
}

// openVersions are the versions of each key in the terms of the search.
func (d *dsg) openVersions(m *model) [][]openVersion {
	predicates := m.automaton.Mask&graph.KindRWP != 0
	out := make([][]openVersion, d.keys)
	at := make([]int32, len(d.writes)) // the place of a write in out
	for w := range d.writes {
		at[w] = -1
		wr := &d.writes[w]
		v := d.node[wr.op]
		if v < 0 || !wr.final {
			continue
		}
		pos := int32(0)
		if d.lists[wr.key] {
			if pos = d.placeOf(int32(w)); pos == unplaced {
				continue
			}
		}
		at[w] = int32(len(out[wr.key]))
		out[wr.key] = append(out[wr.key], openVersion{node: v, pos: pos})
	}
	initial := make([][]int32, d.keys)
	for v := range int32(d.n) {
		mops, mop := d.mops(d.op[v])
		for j := range mops {
			m := &mops[j]
			if m.Flags&history.Predicate != 0 && !predicates {
				continue
			}
			w := d.readFrom(m, mop+int32(j))
			k := m.Key
			switch {
			case w == fromInit:
				initial[k] = append(initial[k], v)
			case w >= 0 && at[w] >= 0:
				x := &out[k][at[w]]
				x.readers = append(x.readers, v)
			}
		}
	}
	for k := range out {
		out[k] = append(out[k], openVersion{node: -1, readers: initial[k], pos: -1})
	}
	return out
}
