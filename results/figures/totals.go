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
	l := &Totals{Faults: CountFaults(h.Faults)}
	read, write := newHistogram(), newHistogram()
	begin, end := LoadPhase(h)
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Invoke < begin || op.Invoke > end {
			continue
		}
		l.Ops++
		switch op.Outcome {
		case history.Fail:
			l.Fail++
			if h.Aborted(op) {
				l.Aborted++
			}
		case history.Info:
			l.Info++
		case history.OK:
			l.OK++
			hist := read
			if writes(h, op) {
				hist = write
			}
			// Values beyond the histogram's range are counted at its edge.
			_ = hist.RecordValue(min(int64(op.Complete-op.Invoke)/1000, histogramMax))
		}
	}
	l.Seconds = time.Duration(end - begin).Seconds()
	if l.Seconds > 0 {
		l.OKPerSecond = float64(l.OK) / l.Seconds
	}
	l.Read, l.Write = quantiles(read), quantiles(write)
	return l
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

// LoadPhase is when the load ran: from its phase event to the next one; the
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

// Totals are the figures of the whole load phase.
type Totals struct {
	Seconds float64 `json:"seconds"`
	Ops     int     `json:"ops"`
	OK      int     `json:"ok"`
	Fail    int     `json:"fail"`
	Info    int     `json:"info"`
	// Aborted are those among Fail that the database served: aborts by concurrency
	// control and failed CAS.
	Aborted int `json:"aborted"`
	// OKPerSecond is over the load phase.
	OKPerSecond float64 `json:"ok_per_second"`
	// Latencies of ok operations, in milliseconds.
	Read  Latency `json:"read"`
	Write Latency `json:"write"`
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
