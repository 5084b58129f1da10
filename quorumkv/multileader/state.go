package multileader

import (
	"maps"
	"slices"

	"github.com/lapse-test/lapse/quorumkv/record"
)

// kind says what the state of a key is made of.
type kind byte

const (
	kindLatest  kind = iota + 1 // the latest write alone
	kindCausal                  // the writes that nothing known has replaced
	kindCounter                 // the sums of each replica
	afterKinds
)

// sums are what a replica added to a counter and what it took away. Each only grows.
type sums struct{ Up, Down uint64 }

// state is all that a node knows of a key. It is never changed, only replaced.
type state struct {
	Kind   kind
	Latest record.Record
	Causal causal
	Counts map[string]sums // by replica
}

// join is the least upper bound of two states of one key: commutative, associative and idempotent, so that nodes which have been told
// the same agree, in whatever order and however often they were told.
func (s state) join(o state, flaws flaws) state {
	switch {
	case s.Kind == 0:
		return o
	case o.Kind != s.Kind:
		return s // a malformed message: one mode has one kind for a key
	}
	switch s.Kind {
	case kindLatest:
		if o.Latest.Compare(s.Latest) > 0 {
			return o
		}
		return s
	case kindCausal:
		switch {
		case flaws.dropContext:
			return o
		case flaws.resurrect:
			return state{Kind: kindCausal, Causal: s.Causal.merge(o.Causal)}
		}
		return state{Kind: kindCausal, Causal: s.Causal.join(o.Causal)}
	default:
		if flaws.maxOfTotals {
			if o.total() > s.total() {
				return o
			}
			return s
		}
		out := maps.Clone(s.Counts)
		for r, n := range o.Counts {
			out[r] = sums{max(out[r].Up, n.Up), max(out[r].Down, n.Down)}
		}
		return state{Kind: kindCounter, Counts: out}
	}
}

// flaws are the defects of join.
type flaws struct{ maxOfTotals, dropContext, resurrect bool }

// equal tells whether o says the same.
func (s state) equal(o state) bool {
	if s.Kind != o.Kind {
		return false
	}
	switch s.Kind {
	case kindLatest:
		return s.Latest.Compare(o.Latest) == 0
	case kindCausal:
		return maps.Equal(s.Causal.Seen, o.Causal.Seen) && slices.Equal(s.Causal.Live, o.Causal.Live) && slices.Equal(s.Causal.Gone, o.Causal.Gone)
	}
	return maps.Equal(s.Counts, o.Counts)
}

// total is the value of a counter.
func (s state) total() int64 {
	var n int64
	for _, c := range s.Counts {
		n += int64(c.Up) - int64(c.Down) //nolint:gosec // increments are bounded where they are taken, and wrap as int64 does
	}
	return n
}
