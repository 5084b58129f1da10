package sat

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
)

func never() error { return nil }

// TestExhaustive compares with trying all assignments, clause by clause.
func TestExhaustive(t *testing.T) {
	yes, no := 0, 0
	for seed := range uint64(3000) {
		rng := rand.New(rand.NewPCG(seed, 1))
		n := 1 + rng.IntN(9)
		s := New(n)
		for v := range n {
			s.SetPhase(v, rng.IntN(2) == 0)
		}
		var clauses [][]Lit
		for range rng.IntN(6 * n) {
			var c []Lit
			for range 1 + rng.IntN(3) {
				c = append(c, Lit(rng.IntN(2*n)))
			}
			clauses = append(clauses, c)
			s.Add(c...)
			if rng.IntN(3) > 0 {
				continue
			}
			got, err := s.Solve(never)
			if err != nil {
				t.Fatal(err)
			}
			if want := exhaustive(n, clauses); got != want {
				t.Fatalf("seed %d: got %v, want %v for %v", seed, got, want, clauses)
			}
			if !got {
				no++
				break
			}
			yes++
			if !satisfied(clauses, s.Value) {
				t.Fatalf("seed %d: the assignment breaks a clause of %v", seed, clauses)
			}
		}
	}
	if yes < 1000 || no < 500 {
		t.Errorf("one-sided: %d satisfiable, %d not", yes, no)
	}
}

func exhaustive(n int, clauses [][]Lit) bool {
	for a := range 1 << n {
		if satisfied(clauses, func(v int) bool { return a>>v&1 == 1 }) {
			return true
		}
	}
	return false
}

func satisfied(clauses [][]Lit, value func(int) bool) bool {
	for _, c := range clauses {
		ok := false
		for _, l := range c {
			ok = ok || value(l.Var()) == (l&1 == 0)
		}
		if !ok {
			return false
		}
	}
	return true
}

// TestPigeons is hard for a search that learns nothing, and still quick here:
// seven pigeons do not fit into six holes.
func TestPigeons(t *testing.T) {
	const holes = 6
	s := New((holes + 1) * holes)
	for p := range holes + 1 {
		var some []Lit
		for h := range holes {
			some = append(some, Pos(p*holes+h))
			for q := range p {
				s.Add(Neg(p*holes+h), Neg(q*holes+h))
			}
		}
		s.Add(some...)
	}
	if ok, err := s.Solve(never); ok || err != nil {
		t.Errorf("got %v, %v", ok, err)
	}
}

func TestStop(t *testing.T) {
	const holes = 12
	s := New((holes + 1) * holes)
	for p := range holes + 1 {
		var some []Lit
		for h := range holes {
			some = append(some, Pos(p*holes+h))
			for q := range p {
				s.Add(Neg(p*holes+h), Neg(q*holes+h))
			}
		}
		s.Add(some...)
	}
	stop := errors.New("stop")
	n := 0
	if _, err := s.Solve(func() error {
		if n++; n > 50 {
			return stop
		}
		return nil
	}); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}

// String is how a failed test shows a literal.
func (l Lit) String() string {
	if l&1 != 0 {
		return fmt.Sprintf("-%d", l.Var())
	}
	return fmt.Sprint(l.Var())
}
