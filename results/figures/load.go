package figures

import (
	"math"

	"github.com/lapse-test/lapse/history"
)

// LoadPhase returns the time in which the load ran: from its phase event to the next one; the
// whole history if there are no such events.
func LoadPhase(o history.Ordered) (begin, end history.Time) {
	in := false
	for _, e := range o.About().Events {
		if e.Kind != history.EventPhase {
			continue
		}
		if in {
			return begin, e.At
		}
		if e.Text == "load" {
			begin, in = e.At, true
		}
	}
	return begin, max(begin, o.End())
}

func writes(h *history.History, op *history.Op) bool {
	for _, m := range h.Mops(op) {
		if m.Func.Writes() {
			return true
		}
	}
	return false
}

func ratio(n, of int, none float64) float64 {
	if of == 0 {
		return none
	}
	return float64(n) / float64(of)
}

func seconds(t history.Time) float64 { return math.Max(0, float64(t)/1e9) }
