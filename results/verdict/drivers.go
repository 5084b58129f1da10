package verdict

import (
	"fmt"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/duration"
)

// driversLack says which of the run's drivers were lost and not replaced: their clients asked
// nothing from then on, though the run was to have them.
func driversLack(h *history.History) []string {
	lost := map[int]string{}
	seats := 0
	for i := range h.Events {
		e := &h.Events[i]
		d, ok := e.Driver()
		if !ok || d.Seat < 0 {
			continue
		}
		switch d.What {
		case history.DriverJoined:
			delete(lost, d.Seat)
			seats = max(seats, d.Seat+1)
		case history.DriverLost:
			lost[d.Seat] = fmt.Sprintf("driver %s was lost %s after the run began (%s), and no other took its place: its clients asked nothing from then on",
				d.Name, duration.Text(time.Duration(e.At)), d.Why)
		}
	}
	var out []string
	for seat := range seats {
		if text, is := lost[seat]; is {
			out = append(out, text)
		}
	}
	return out
}
