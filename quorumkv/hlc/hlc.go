// Package hlc is a hybrid logical clock after Kulkarni, Demirbas, Madappa, Avva and Leone,
// "Logical Physical Clocks and Consistent Snapshots in Globally Distributed Databases" (2014).
//
// A timestamp is one int64: milliseconds since the Unix epoch in the upper 47 bits (and a zero
// sign bit), a logical counter in the lower 16. The counter overflows into the milliseconds by
// plain addition, so that timestamps of one clock only ever grow. Zero means "no timestamp".
package hlc

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const logicalBits = 16

// MaxOffset bounds what SetOffset accepts in either direction.
const MaxOffset = 10 * 365 * 24 * time.Hour

// Max is the largest timestamp that a node takes from outside. It lies centuries ahead, and
// leaves room so that adding to it cannot overflow.
const Max = Timestamp(1) << 62

// Timestamp is a packed hybrid logical timestamp. Timestamps compare as integers.
type Timestamp int64

// New packs a wall-clock reading in milliseconds and a logical counter.
func New(wallMillis int64, logical uint16) Timestamp {
	return Timestamp(wallMillis<<logicalBits | int64(logical))
}

// WallMillis is the physical part, in milliseconds since the Unix epoch.
func (t Timestamp) WallMillis() int64 { return int64(t) >> logicalBits }

// Logical is the counter that orders timestamps of the same millisecond.
func (t Timestamp) Logical() uint16 { return uint16(t) }

// Clock issues timestamps. Every timestamp that it issues is larger than all it issued or adopted before,
// also when its physical source goes backwards. The zero value is not usable; call NewClock.
// All methods may be called concurrently.
type Clock struct {
	physical func() time.Time
	maxSkew  time.Duration
	offset   atomic.Int64 // nanoseconds

	mu   sync.Mutex
	last Timestamp
}

// NewClock makes a clock over a physical source (time.Now when nil). Observe ignores timestamps
// that are more than maxSkew ahead of the source.
func NewClock(physical func() time.Time, maxSkew time.Duration) *Clock {
	if physical == nil {
		physical = time.Now
	}
	return &Clock{physical: physical, maxSkew: maxSkew}
}

// SetOffset bends the physical source: from now on it reads d later than it is. It is there for
// tests of what clock faults do. An offset beyond MaxOffset is refused.
func (c *Clock) SetOffset(d time.Duration) error {
	if d > MaxOffset || d < -MaxOffset {
		return fmt.Errorf("clock offset %s is out of range: at most %s in either direction", d, MaxOffset)
	}
	c.offset.Store(int64(d))
	return nil
}

// Offset is what SetOffset last set.
func (c *Clock) Offset() time.Duration { return time.Duration(c.offset.Load()) }

func (c *Clock) wall() Timestamp {
	return New(c.physical().Add(c.Offset()).UnixMilli(), 0)
}

// Now issues the next timestamp.
func (c *Clock) Now() Timestamp { return c.After(0) }

// After issues a timestamp larger than seen, however far ahead of this clock seen is, and than all before.
func (c *Clock) After(seen Timestamp) Timestamp {
	wall := c.wall()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = max(wall, c.last+1, seen+1)
	return c.last
}

// Observe adopts a timestamp received from another node, so that what this clock issues next is
// larger, and reports whether it did. A timestamp more than the maximal skew ahead is not
// adopted: one broken clock must not drag the whole cluster into the future.
func (c *Clock) Observe(seen Timestamp) bool {
	limit := c.physical().Add(c.Offset()).Add(c.maxSkew).UnixMilli()
	if seen.WallMillis() > limit {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = max(c.last, seen)
	return true
}
