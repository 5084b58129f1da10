package coordinator

import (
	"sync/atomic"

	"github.com/lapse-test/lapse/quorumkv/engine"
)

// Stats count what a coordinator has done since its start.
type Stats struct {
	Writes, WritesNotWritten, WritesPerhapsWritten atomic.Int64
	Reads, ReadsFailed                             atomic.Int64
	BlockingRepairs, AsyncRepairs, RepairsSkipped  atomic.Int64
	HintsStored, HintsDelivered, HintsRefused      atomic.Int64
	Background                                     atomic.Int64 // messages and repairs that are under way now
}

// Stats are the coordinator's counters; read them with Load.
func (c *Coordinator) Stats() *Stats { return &c.stats }

func (s *Stats) writeFailed(e *engine.Error) {
	if e.Outcome == engine.NotWritten {
		s.WritesNotWritten.Add(1)
		return
	}
	s.WritesPerhapsWritten.Add(1)
}
