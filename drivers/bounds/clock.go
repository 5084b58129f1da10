package bounds

import (
	"sync/atomic"
	"time"
)

// Clock is a driver's clock: whatever the machine's own does, it never goes back. If one reading
// of it has ended before another begins, it shows no more than that. Safe for concurrent use.
type Clock struct {
	raw  func() time.Duration
	last atomic.Int64
}

// NewClock is a clock over raw, which may do what it likes and must be safe for concurrent use; nil
// is the machine's monotonic clock, from now on.
func NewClock(raw func() time.Duration) *Clock {
	if raw == nil {
		began := time.Now()
		raw = func() time.Duration { return time.Since(began) }
	}
	c := &Clock{raw: raw}
	c.last.Store(int64(raw()))
	return c
}

// Now is what the clock shows.
func (c *Clock) Now() Stamp {
	for {
		last := c.last.Load()
		now := int64(c.raw())
		if now <= last {
			return Stamp(last)
		}
		if c.last.CompareAndSwap(last, now) {
			return Stamp(now)
		}
	}
}
