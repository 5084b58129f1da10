package graph

import (
	"github.com/lapse-test/lapse/checkers/txn/internal/guard"
)

// The order bases: none, the order of each session, that and the order of real time.
const (
	BaseNone     = Kind(0)
	BaseSession  = KindSO
	BaseRealtime = KindSO | KindRT
)

// Rule forbids cycles in a graph of dependencies: those that an automaton
// accepts and, for parallel snapshot isolation, those with exactly one rw edge.
type Rule struct {
	// Name is the level.
	Name string
	// Base are the edges of the order base: of sessions, of real time, or none.
	Base Kind
	// Automaton accepts the cycles that the level forbids; nil for a level that is
	// none of cycles.
	Automaton *Automaton
	// OneRW: cycles of edges of the automaton and one rw edge are forbidden, too.
	OneRW bool
}

// Breaks tells whether g, in which all version orders are chosen, has a cycle that the
// level forbids.
func (r *Rule) Breaks(gd *guard.Guard, g *Graph) (bool, error) {
	if r.OneRW {
		c, err := r.Cycle(gd, g)
		return c != nil, err
	}
	comps, err := Components(gd, g, r.Automaton)
	return len(comps) > 0, err
}

// Cycle is a cycle of g that the level forbids, nil if there is none.
func (r *Rule) Cycle(gd *guard.Guard, g *Graph) ([]Edge, error) {
	comps, err := Components(gd, g, r.Automaton)
	if err != nil {
		return nil, err
	}
	if len(comps) > 0 {
		return ShortestCycle(gd, g, r.Automaton, comps[0])
	}
	if !r.OneRW {
		return nil, nil
	}
	return SingleRW(gd, g, r.Automaton.Mask)
}
