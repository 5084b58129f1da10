package evidence

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/history"
)

// FinalReads is the time from which reads are final: all load is over, all
// faults are healed, and the database had time to settle. A run of lapse says so
// with an event; in other histories it is when the last operation that could
// change something was answered (invoked, if it never was) and the last fault had
// healed. An error says why no read of h is final.
func FinalReads(h *history.History) (history.Time, error) {
	from := history.Time(-1)
	for i := range h.Events {
		if e := &h.Events[i]; e.Kind == history.EventPhase && strings.HasPrefix(e.Text, "final") {
			from = e.At
		}
	}
	for i := range h.Faults {
		f := &h.Faults[i]
		if f.TookEffect == 0 && f.Error != "" {
			continue
		}
		if f.Healed == 0 {
			return 0, fmt.Errorf("fault %d (%s) was never seen to heal", f.ID, f.Name)
		}
		if from < 0 || f.Healed > from {
			from = f.Healed
		}
	}
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Outcome == history.Fail {
			continue
		}
		for _, m := range h.Mops(op) {
			if !m.Func.Writes() {
				continue
			}
			if op.Outcome == history.Info {
				from = max(from, op.Invoke)
			} else {
				from = max(from, op.Complete)
			}
			break
		}
	}
	return from, nil
}

// Last are those of reads that are final. They stand in the order of their invocation and were begun after FinalReads.
// A run of lapse waits until its database has settled, so that each is. Nobody knows when another one had: there a
// session that reads again shows what its replica came to with its last read.
func Last(h *history.History, reads []history.MopRef) []history.MopRef {
	if Settled(h) {
		return reads
	}
	last := map[int32]history.MopRef{}
	for _, r := range reads {
		last[h.Ops[r.Op].Session] = r
	}
	return slices.DeleteFunc(reads, func(r history.MopRef) bool { return last[h.Ops[r.Op].Session] != r })
}

// Settled tells whether the history says from when on its database had settled, as a run of lapse does.
func Settled(h *history.History) bool {
	return slices.ContainsFunc(h.Events, func(e history.Event) bool {
		return e.Kind == history.EventPhase && strings.HasPrefix(e.Text, "final")
	})
}
