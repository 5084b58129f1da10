package multileader

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/peer"
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

// size is no less than the length of the binary form, and not much more.
func (s state) size() int {
	n := 64 + len(s.Latest.Value) + len(s.Latest.Version.Node)
	for r := range s.Causal.Seen {
		n += len(r) + 2*binary.MaxVarintLen64
	}
	for _, t := range s.Causal.Live {
		n += len(t.Dot.Replica) + len(t.Value) + 3*binary.MaxVarintLen64
	}
	for _, e := range s.Causal.Gone {
		n += len(e) + binary.MaxVarintLen64
	}
	for r := range s.Counts {
		n += len(r) + 3*binary.MaxVarintLen64
	}
	return n
}

// mostBytes is how large a leader may make a key by what it puts in. What all leaders have put in at once then fits into one message.
func mostBytes(regions int) int { return peer.MaxMessage * 3 / 4 / regions }

// fits is an error if a leader must not make a key what s is.
func (r *replica) fits(s state) *engine.Error {
	if n := s.size(); n > r.most {
		return &engine.Error{Code: engine.CodeTooLarge, Outcome: engine.NotWritten, Message: fmt.Sprintf("the key would have %d bytes, with what its replicas know of it, "+
			"and at most %d are told to other nodes; remove what is in it, or use more keys", n, r.most)}
	}
	return nil
}

// total is the value of a counter.
func (s state) total() int64 {
	var n int64
	for _, c := range s.Counts {
		n += int64(c.Up) - int64(c.Down) //nolint:gosec // increments are bounded where they are taken, and wrap as int64 does
	}
	return n
}
