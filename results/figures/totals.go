package figures

import (
	"time"

	"github.com/lapse-test/lapse/history"
)

// TotalMeter computes Totals.
type TotalMeter struct {
	faults []history.Fault
	load   during
	all    *meter
}

// NewTotalMeter returns a meter for o.
func NewTotalMeter(o history.Ordered) *TotalMeter {
	return &TotalMeter{faults: o.About().Faults, load: loadOf(o), all: newMeter()}
}

// See implements Meter.
func (m *TotalMeter) See(h *history.History) {
	for i := range h.Ops {
		if op := &h.Ops[i]; m.load.has(op) {
			m.all.add(h, op)
		}
	}
}

// Totals are those of all that was seen.
func (m *TotalMeter) Totals() *Totals {
	return &Totals{Phase: m.all.phase(time.Duration(m.load.end - m.load.begin).Seconds()), Faults: CountFaults(m.faults)}
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
