package history

import (
	"slices"
	"strings"
)

// The phases of a run (EventPhase) that readers of histories know. In PhaseReplicas each
// node is read by itself, at a lower level than that of the run; PhaseFinal has the final
// reads at the run's own, and comes after it.
const (
	PhaseReplicas = "replicas"
	PhaseFinal    = "final"
)

// ReplicaReads is the time in which each node was read by itself; ok is false if none
// was.
func (h *History) ReplicaReads() (from, to Time, ok bool) {
	to = Never
	for i := range h.Events {
		switch e := &h.Events[i]; {
		case e.Kind != EventPhase:
		case e.Text == PhaseReplicas:
			from, ok = e.At, true
		case ok && to == Never && strings.HasPrefix(e.Text, PhaseFinal):
			to = e.At
		}
	}
	return from, to, ok
}

// AtItsLevel is h as it is at the run's own levels: reads of nodes by themselves count as
// failed, so that the places of all operations are the same. hidden is how many there
// are; with none it is h itself.
func (h *History) AtItsLevel() (own *History, hidden int) {
	from, to, ok := h.ReplicaReads()
	if !ok {
		return h, 0
	}
	c := *h
	c.Ops = slices.Clone(h.Ops)
	for i := range c.Ops {
		if op := &c.Ops[i]; op.Invoke > from && op.Invoke < to {
			op.Outcome = Fail
			hidden++
		}
	}
	return &c, hidden
}
