package history

import "encoding/json"

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

// Driver reads an event of the kind EventDriver; ok is false for others, and for what no run wrote. Texts are
// without control characters, which JSON can hide from who reads the event as it stands.
func (e *Event) Driver() (d Driver, ok bool) {
	if e.Kind != EventDriver {
		return d, false
	}
	err := json.Unmarshal([]byte(e.Text), &d)
	d.Name, d.Why = cleanText(d.Name, maxNameLen), cleanText(d.Why, maxProseLen)
	return d, err == nil && d.Seat >= 0 && d.Seat < maxSeats
}
