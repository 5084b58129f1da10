package register

import (
	"math"

	"github.com/lapse-test/lapse/history"
)

// Before is a time before every operation: when the initial value was there.
const Before history.Time = math.MinInt64

// Sessions numbers the sessions of a history from 0. Safe for concurrent use.
type Sessions struct {
	// N counts the sessions.
	N     int
	dense []int32
	wild  map[int32]int32
	lo    int32
}

// NewSessions numbers the sessions of h in the order of their first operation.
func NewSessions(h *history.History) *Sessions {
	s := &Sessions{}
	lo, hi := int32(math.MaxInt32), int32(math.MinInt32)
	for i := range h.Ops {
		lo, hi = min(lo, h.Ops[i].Session), max(hi, h.Ops[i].Session)
	}
	if lo > hi {
		return s
	}
	s.lo = lo
	if span := int64(hi) - int64(lo); span <= int64(4*len(h.Ops)+1024) {
		s.dense = make([]int32, span+1)
		for i := range h.Ops {
			if d := &s.dense[h.Ops[i].Session-lo]; *d == 0 {
				s.N++
				*d = int32(s.N)
			}
		}
		return s
	}
	s.wild = map[int32]int32{}
	for i := range h.Ops {
		if _, ok := s.wild[h.Ops[i].Session]; !ok {
			s.wild[h.Ops[i].Session] = int32(s.N)
			s.N++
		}
	}
	return s
}

// Of is the number of a session of the history.
func (s *Sessions) Of(session int32) int32 {
	if s.wild != nil {
		return s.wild[session]
	}
	return s.dense[session-s.lo] - 1
}
