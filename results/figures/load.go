package figures

import (
	"math"

	"github.com/lapse-test/lapse/history"
)

// LoadPhase returns the time in which the load ran: from its phase event to the next one; the
// whole history if there are no such events.
func LoadPhase(h *history.History) (begin, end history.Time) {
	in := false
	for _, e := range h.Events {
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
	last := begin
	for i := range h.Ops {
		last = max(last, h.Ops[i].Invoke)
		if h.Ops[i].Complete != history.Never {
			last = max(last, h.Ops[i].Complete)
		}
	}
	return begin, last
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
