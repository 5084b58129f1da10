// Package bounds says between which two moments of one clock something happened that another
// clock has stamped, and assumes nothing of that clock but that it never goes back.
//
// The argument. A Reading is one exchange: the coordinator sends (its clock shows Sent), the
// driver reads its clock (Driver), the coordinator has the answer (its clock shows Received). So
// the driver's clock was read at a moment between Sent and Received. What the driver stamps with
// less than Driver was stamped before that reading ended, and so before Received; what it stamps
// with more was stamped after the reading began, and so after Sent. Nothing is said of what it
// stamps with the same value. Neither how fast the driver's clock goes nor whether it stands still
// or jumps ahead matters, nor whether a message takes as long one way as the other.
//
// What that cannot give: two drivers learn nothing of each other faster than messages travel, so
// that no bound is narrower than the way there or the way back.
package bounds

import (
	"sort"
	"sync"

	"github.com/lapse-test/lapse/history"
)

// Stamp is what a driver's clock shows: nanoseconds since some moment of its own.
type Stamp int64

// Reading is one exchange with a driver. Sent and Received are of the coordinator's clock.
type Reading struct {
	Sent, Received history.Time
	Driver         Stamp
}

// Offset is the range in which what the driver's clock shows more than the coordinator's was at
// the moment of the reading, in nanoseconds.
func (r Reading) Offset() (least, most int64) {
	return int64(r.Driver) - int64(r.Received), int64(r.Driver) - int64(r.Sent)
}

// kept is how many readings are kept. What is forgotten makes intervals wider, never wrong.
const kept = 2048

// Bounds are the readings of one driver's clock. The zero value has none. Safe for concurrent
// use.
type Bounds struct {
	mu       sync.Mutex
	readings []Reading
}

// Add takes one more reading. Exchanges are one after the other: a reading that was sent before
// the last one was received, or whose clock went back, is not taken, and Add reports false.
func (b *Bounds) Add(r Reading) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.Received < r.Sent {
		return false
	}
	if n := len(b.readings); n > 0 {
		if last := b.readings[n-1]; r.Sent < last.Received || r.Driver < last.Driver {
			return false
		}
		if n == 2*kept {
			b.readings = append(b.readings[:0], b.readings[n-kept:]...)
		}
	}
	b.readings = append(b.readings, r)
	return true
}

// Within narrows the interval from..to of the coordinator's clock, in which something was under
// way that the driver stamped with began and ended. What happened truly within from..to, and
// between the two stamps, is within the result. Readings that contradict each other, as
// those of a clock that went back, narrow nothing.
func (b *Bounds) Within(from, to history.Time, began, ended Stamp) (history.Time, history.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	first, last := from, to
	// The readings are in order of all three of their stamps.
	if i := sort.Search(len(b.readings), func(i int) bool { return b.readings[i].Driver >= began }); i > 0 {
		first = max(first, b.readings[i-1].Sent)
	}
	if i := sort.Search(len(b.readings), func(i int) bool { return b.readings[i].Driver > ended }); i < len(b.readings) {
		last = min(last, b.readings[i].Received)
	}
	if first > last || began > ended {
		return from, to
	}
	return first, last
}
