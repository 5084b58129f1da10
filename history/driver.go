package history

import (
	"fmt"
	"time"

	"github.com/lapse-test/lapse/internal/duration"
)

// EventDriver is the kind of the events that tell of a driver: another process, which carried out
// operations for this run's clients. Text is a Driver as JSON.
const EventDriver = "driver"

// What a Driver event tells.
const (
	DriverJoined = "joined"
	DriverLost   = "lost"
	DriverClock  = "clock"
)

// Driver is one event of a driver.
type Driver struct {
	// Name is the driver's, and Seat the place that it has in the run, from 0: the clients whose
	// number leaves that remainder are its.
	Name string `json:"name"`
	Seat int    `json:"seat"`
	// What is one of the constants above; Why says of a lost driver how that was seen.
	What string `json:"what"`
	Why  string `json:"why,omitempty"`
	// Replaces is whose place a driver that joined has taken, and Empty for how long, in nanoseconds, the place was
	// empty: its clients asked nothing then.
	Replaces string `json:"replaces,omitempty"`
	Empty    int64  `json:"empty_ns,omitempty"`
	// OffsetLeast and OffsetMost bound, in nanoseconds, how much more the driver's clock showed than the run's
	// in the last exchange; only with DriverClock.
	OffsetLeast int64 `json:"offset_least_ns,omitempty"`
	OffsetMost  int64 `json:"offset_most_ns,omitempty"`
}

// maxSeats bounds the seats of a run's drivers, far beyond what lapse offers.
const maxSeats = 1 << 16

// Driver reads an event of the kind EventDriver; ok is false for others, and for what no run wrote.
func (e *Event) Driver() (d Driver, ok bool) {
	ok = e.told(&d)
	return d, ok
}

// String says it to people.
func (d *Driver) String() string {
	switch d.What {
	case DriverJoined:
		if d.Replaces == "" {
			return "driver " + d.Name + " joined"
		}
		return fmt.Sprintf("driver %s joined; the place of %s was empty for %s", d.Name, d.Replaces, duration.Text(time.Duration(d.Empty)))
	case DriverLost:
		return fmt.Sprintf("driver %s was lost: %s", d.Name, d.Why)
	case DriverClock:
		return fmt.Sprintf("the clock of driver %s shows %s to %s more than the run's", d.Name, duration.Text(time.Duration(d.OffsetLeast)), duration.Text(time.Duration(d.OffsetMost)))
	}
	return fmt.Sprintf("driver %s: %s", d.Name, d.What)
}
