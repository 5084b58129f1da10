package checkers

import "strings"

// TimeRanOut begins each reason of what is undecided because the time of the budget is over. A checker that is given up cannot tell
// an interrupt from that and says the same; who gave it up calls Interrupted.
const TimeRanOut = "the time ran out"

// Interrupt is what Interrupted puts in its place.
const Interrupt = "the check was interrupted"

// Interrupted has v say that an interrupt, and not the time of its budget, left undecided what it left undecided.
func Interrupted(v *Verdict) {
	for i, reason := range v.Reasons {
		v.Reasons[i] = strings.Replace(reason, TimeRanOut, Interrupt, 1)
	}
	for i := range v.Undecided {
		v.Undecided[i].Reason = strings.Replace(v.Undecided[i].Reason, TimeRanOut, Interrupt, 1)
	}
}
