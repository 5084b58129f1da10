package figures

import (
	"time"

	"github.com/lapse-test/lapse/history"
)

// Measure computes the figures of a run from its history.
func Measure(h *history.History) *Totals {
	all := newMeter()
	begin, end := LoadPhase(h)
	for i := range h.Ops {
		if op := &h.Ops[i]; op.Invoke >= begin && op.Invoke <= end {
			all.add(h, op)
		}
	}
	return &Totals{Phase: all.phase(time.Duration(end - begin).Seconds()), Faults: CountFaults(h.Faults)}
}

// Totals are the figures of the whole load phase, and its faults.
type Totals struct {
	Phase
	// Faults counts the fault windows.
	Faults FaultCount `json:"faults"`
}

// FaultCount counts faults.
type FaultCount struct {
	Injected   int `json:"injected"`
	TookEffect int `json:"bit"`
	Healed     int `json:"healed"`
}

// CountFaults counts the fault windows of a history.
func CountFaults(faults []history.Fault) FaultCount {
	c := FaultCount{Injected: len(faults)}
	for i := range faults {
		if faults[i].TookEffect != 0 {
			c.TookEffect++
		}
		if faults[i].Healed != 0 {
			c.Healed++
		}
	}
	return c
}
