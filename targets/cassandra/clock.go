package cassandra

import (
	"sync/atomic"
	"time"
)

// clock gives out the timestamps of writes, in microseconds since 1970 as
// Cassandra counts: each is larger than all before, so that they order writes as
// they were sent. The machine's wall clock is read once, and whatever is done to
// it later changes nothing. Safe for concurrent use.
type clock struct {
	start time.Time
	last  atomic.Int64
}

func newClock() *clock { return &clock{start: time.Now()} }

func (c *clock) next() int64 {
	now := c.start.UnixMicro() + time.Since(c.start).Microseconds()
	for {
		last := c.last.Load()
		stamp := max(now, last+1)
		if c.last.CompareAndSwap(last, stamp) {
			return stamp
		}
	}
}
