package figures

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/lapse-test/lapse/history"
)

// Latency are quantiles of the time from invocation to completion, in
// milliseconds.
type Latency struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50_ms"`
	P95   float64 `json:"p95_ms"`
	P99   float64 `json:"p99_ms"`
	P999  float64 `json:"p999_ms"`
	Max   float64 `json:"max_ms"`
}

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

// histogramMax is in microseconds: ten minutes.
const histogramMax = 600_000_000

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, histogramMax, 3) }

func quantiles(h *hdrhistogram.Histogram) Latency {
	ms := func(us int64) float64 { return float64(us) / 1000 }
	return Latency{
		Count: h.TotalCount(),
		P50:   ms(h.ValueAtQuantile(50)),
		P95:   ms(h.ValueAtQuantile(95)),
		P99:   ms(h.ValueAtQuantile(99)),
		P999:  ms(h.ValueAtQuantile(99.9)),
		Max:   ms(h.Max()),
	}
}

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
