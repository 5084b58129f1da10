package verdict

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/duration"
)

// driversLack says which of the run's drivers were lost and not replaced, so that the run had fewer than
// it was to have, and what of them cannot be known. Seats are what a file says, and not counted through.
func driversLack(h *history.History) []string {
	lost := map[int]string{}
	var out []string
	for i := range h.Events {
		e := &h.Events[i]
		if e.Kind != history.EventDriver {
			continue
		}
		d, ok := e.Driver()
		if !ok {
			out = append(out, fmt.Sprintf("what became of a driver %s after the run began cannot be read", duration.Text(time.Duration(e.At))))
			continue
		}
		switch d.What {
		case history.DriverJoined:
			delete(lost, d.Seat)
		case history.DriverLost:
			lost[d.Seat] = fmt.Sprintf("driver %s was lost %s after the run began (%s), and no other took its place",
				d.Name, duration.Text(time.Duration(e.At)), d.Why)
		}
	}
	for _, seat := range slices.Sorted(maps.Keys(lost)) {
		out = append(out, lost[seat])
	}
	return out
}

// driversReplaced says for how long the places of drivers were empty that others took.
func driversReplaced(h *history.History) []string {
	var out []string
	for i := range h.Events {
		e := &h.Events[i]
		if d, ok := e.Driver(); ok && d.What == history.DriverJoined && d.Replaces != "" {
			out = append(out, fmt.Sprintf("driver %s was lost, and its clients asked nothing for %s, until %s took its place %s after the run began",
				d.Replaces, duration.Text(time.Duration(d.Empty)), d.Name, duration.Text(time.Duration(e.At))))
		}
	}
	return out
}
