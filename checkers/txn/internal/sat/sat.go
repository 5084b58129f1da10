// Package sat is a small solver for propositional clauses: conflict-driven clause
// learning with two watched literals (Marques-Silva and Sakallah; Moskewicz and
// others), activity-ordered decisions, remembered phases and Luby restarts.
// Clauses may be added between calls of Solve, which is what makes it fit to be
// driven by a checker that finds, again and again, what an assignment breaks.
package sat

// Lit is a variable, numbered from 0, or its negation.
type Lit int32

// Pos and Neg are the two literals of variable v.
func Pos(v int) Lit { return Lit(2 * v) }

// Neg is the negation of variable v.
func Neg(v int) Lit { return Lit(2*v + 1) }

// Not is the opposite of l.
func (l Lit) Not() Lit { return l ^ 1 }

// Var is the variable of l.
func (l Lit) Var() int { return int(l >> 1) }

const (
	unknown = int8(iota)
	isTrue
	isFalse
)

type clause struct {
	lits []Lit
}

// Solver holds clauses and an assignment. Not safe for concurrent use.
type Solver struct {
	clauses []*clause
	watches [][]*clause
	value   []int8 // by literal
	level   []int32
	reason  []*clause
	phase   []bool
	trail   []Lit
	limits  []int // trail length at each decision
	head    int
	seen    []bool
	act     []float64
	bump    float64
	heap    heap
	unsat   bool
	// Conflicts counts the conflicts so far.
	Conflicts int
}

// New makes a solver of n variables.
func New(n int) *Solver {
	s := &Solver{
		watches: make([][]*clause, 2*n), value: make([]int8, 2*n), level: make([]int32, n),
		reason: make([]*clause, n), phase: make([]bool, n), seen: make([]bool, n), act: make([]float64, n), bump: 1,
	}
	s.heap = newHeap(n, s.act)
	return s
}

// SetPhase says which value of v is tried first.
func (s *Solver) SetPhase(v int, value bool) { s.phase[v] = value }

// Value is the value of v in the assignment that Solve found.
func (s *Solver) Value(v int) bool { return s.value[Pos(v)] == isTrue }

// Add adds a clause: at least one of lits is to be true. It reports false if
// the clauses have become unsatisfiable for good. The assignment is lost.
func (s *Solver) Add(lits ...Lit) bool {
	s.backtrack(0)
	if s.unsat {
		return false
	}
	var kept []Lit
	for i, l := range lits {
		duplicate := false
		for _, k := range lits[:i] {
			if k == l.Not() {
				return true
			}
			duplicate = duplicate || k == l
		}
		switch {
		case duplicate, s.value[l] == isFalse:
		case s.value[l] == isTrue:
			return true
		default:
			kept = append(kept, l)
		}
	}
	switch len(kept) {
	case 0:
		s.unsat = true
	case 1:
		s.assign(kept[0], nil)
		if s.propagate() != nil {
			s.unsat = true
		}
	default:
		s.attach(&clause{kept})
	}
	return !s.unsat
}

func (s *Solver) attach(c *clause) {
	s.clauses = append(s.clauses, c)
	s.watches[c.lits[0]] = append(s.watches[c.lits[0]], c)
	s.watches[c.lits[1]] = append(s.watches[c.lits[1]], c)
}

func (s *Solver) assign(l Lit, why *clause) {
	s.value[l], s.value[l.Not()] = isTrue, isFalse
	s.level[l.Var()] = int32(len(s.limits))
	s.reason[l.Var()] = why
	s.trail = append(s.trail, l)
}

// propagate follows unit clauses; it returns a clause that is false, if one is.
func (s *Solver) propagate() *clause {
	for s.head < len(s.trail) {
		p := s.trail[s.head].Not() // has become false
		s.head++
		ws := s.watches[p]
		kept := ws[:0]
		for i := 0; i < len(ws); i++ {
			c := ws[i]
			if c.lits[0] == p {
				c.lits[0], c.lits[1] = c.lits[1], c.lits[0]
			}
			if s.value[c.lits[0]] == isTrue {
				kept = append(kept, c)
				continue
			}
			moved := false
			for k := 2; k < len(c.lits); k++ {
				if s.value[c.lits[k]] != isFalse {
					c.lits[1], c.lits[k] = c.lits[k], c.lits[1]
					s.watches[c.lits[1]] = append(s.watches[c.lits[1]], c)
					moved = true
					break
				}
			}
			if moved {
				continue
			}
			kept = append(kept, c)
			if s.value[c.lits[0]] == isFalse {
				kept = append(kept, ws[i+1:]...)
				s.watches[p] = kept
				s.head = len(s.trail)
				return c
			}
			s.assign(c.lits[0], c)
		}
		s.watches[p] = kept
	}
	return nil
}

func (s *Solver) backtrack(level int) {
	if len(s.limits) <= level {
		return
	}
	for i := len(s.trail) - 1; i >= s.limits[level]; i-- {
		l := s.trail[i]
		s.value[l], s.value[l.Not()] = unknown, unknown
		s.phase[l.Var()] = l&1 == 0
		s.heap.push(l.Var())
	}
	s.trail = s.trail[:s.limits[level]]
	s.limits = s.limits[:level]
	s.head = len(s.trail)
}

// learn derives the clause of the first unique implication point of a conflict,
// and the level to go back to.
func (s *Solver) learn(conflict *clause) (lits []Lit, back int) {
	lits = []Lit{0}
	open := 0
	p := Lit(-1)
	at := len(s.trail) - 1
	now := int32(len(s.limits))
	for {
		for _, q := range conflict.lits {
			v := q.Var()
			if q == p || s.seen[v] || s.level[v] == 0 {
				continue
			}
			s.seen[v] = true
			s.raise(v)
			if s.level[v] == now {
				open++
			} else {
				lits = append(lits, q)
			}
		}
		for !s.seen[s.trail[at].Var()] {
			at--
		}
		p = s.trail[at]
		conflict = s.reason[p.Var()]
		s.seen[p.Var()] = false
		at--
		if open--; open == 0 {
			break
		}
	}
	lits[0] = p.Not()
	// Watch the literal of the highest level below beside the asserting one.
	for i, l := range lits[1:] {
		s.seen[l.Var()] = false
		if lv := int(s.level[l.Var()]); lv > back {
			back = lv
			lits[1], lits[i+1] = lits[i+1], lits[1]
		}
	}
	return lits, back
}

func (s *Solver) raise(v int) {
	if s.act[v] += s.bump; s.act[v] > 1e100 {
		for i := range s.act {
			s.act[i] *= 1e-100
		}
		s.bump *= 1e-100
	}
	s.heap.raise(v)
}

// Solve looks for an assignment that satisfies all clauses. tick is called now
// and then; when it returns an error, Solve stops with that error.
func (s *Solver) Solve(tick func() error) (bool, error) {
	if s.unsat {
		return false, nil
	}
	s.backtrack(0)
	restart, run := 1, 0
	for {
		if c := s.propagate(); c != nil {
			s.Conflicts++
			if len(s.limits) == 0 {
				s.unsat = true
				return false, nil
			}
			lits, back := s.learn(c)
			s.backtrack(back)
			if len(lits) == 1 {
				s.assign(lits[0], nil)
			} else {
				c := &clause{lits}
				s.attach(c)
				s.assign(lits[0], c)
			}
			s.bump /= 0.95
			if run++; run >= 100*luby(restart) {
				restart, run = restart+1, 0
				s.backtrack(0)
			}
			if err := tick(); err != nil {
				return false, err
			}
			continue
		}
		v := s.decide()
		if v < 0 {
			return true, nil
		}
		s.limits = append(s.limits, len(s.trail))
		l := Neg(v)
		if s.phase[v] {
			l = Pos(v)
		}
		s.assign(l, nil)
	}
}

func (s *Solver) decide() int {
	for {
		v := s.heap.pop()
		if v < 0 || s.value[Pos(v)] == unknown {
			return v
		}
	}
}

// luby is the i-th number of the sequence 1 1 2 1 1 2 4 ...
func luby(i int) int {
	for k := 1; ; k++ {
		switch {
		case i == 1<<k-1:
			return 1 << (k - 1)
		case i < 1<<k-1:
			return luby(i - (1<<(k-1) - 1))
		}
	}
}
