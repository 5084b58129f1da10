package server

import (
	"strconv"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/results/store"
)

// liveView is what is shown of a run that goes on.
type liveView struct {
	Run     string
	Summary *store.Summary
	// Live is nil while nothing was written.
	Live *store.Live
	// Late says how old it is, where that is more than it should be.
	Late string
}

// lateAfter is from when on what is shown is said to be old. It is written every second.
const lateAfter = 5 * time.Second

// Clock is how long the load has been going on, and how long it is to last.
func (v *liveView) Clock() string {
	text := func(seconds float64) string { return duration.Text(time.Duration(seconds) * time.Second) }
	return text(v.Live.Elapsed) + " of " + text(v.Live.Total)
}

// Most is the end of the load, 1 before it has begun.
func (v *liveView) Most() float64 { return max(v.Live.Total, 1) }

// liveClass is the CSS class of a violation, as the run's report will have it.
func liveClass(v store.LiveViolation) string {
	if v.Allowed {
		return classAllowed
	}
	return string(checkers.Violated)
}

func number(x float64) string { return strconv.FormatFloat(x, 'f', 0, 64) }
