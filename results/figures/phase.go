package figures

import (
	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/lapse-test/lapse/history"
)

// Phase is a part of the load phase in numbers.
type Phase struct {
	Seconds float64 `json:"seconds"`
	Ops     int     `json:"ops"`
	OK      int     `json:"ok"`
	Fail    int     `json:"fail"`
	Info    int     `json:"info"`
	// Aborted are those among Fail that the database answered by what it read: aborts
	// by concurrency control and failed CAS.
	Aborted int `json:"aborted"`
	// OKPerSecond is 0 when the phase has no length.
	OKPerSecond float64 `json:"ok_per_second"`
	// Read and Write are the latencies of ok operations, in milliseconds; an operation with any
	// micro-operation that writes is a write.
	Read  Latency `json:"read"`
	Write Latency `json:"write"`
}

// OKRatio is the share of operations that were ok, 1 when there were none.
func (p Phase) OKRatio() float64 { return ratio(p.OK, p.Ops, 1) }

// Available is the share of operations that the database served: ok, or refused for
// what it read (Aborted). 1 when there were none.
func (p Phase) Available() float64 { return ratio(p.OK+p.Aborted, p.Ops, 1) }

// AbortRatio is the share of operations that were Aborted, 0 when there were none.
func (p Phase) AbortRatio() float64 { return ratio(p.Aborted, p.Ops, 0) }

// meter counts operations of a phase.
type meter struct {
	p           Phase
	read, write *hdrhistogram.Histogram
}

func newMeter() *meter {
	return &meter{read: newHistogram(), write: newHistogram()}
}

func (m *meter) add(h *history.History, op *history.Op) {
	m.p.Ops++
	switch op.Outcome {
	case history.Fail:
		m.p.Fail++
		if h.Aborted(op) {
			m.p.Aborted++
		}
	case history.Info:
		m.p.Info++
	case history.OK:
		m.p.OK++
		hist := m.read
		if writes(h, op) {
			hist = m.write
		}
		// Values beyond the histogram's range are counted at its edge.
		_ = hist.RecordValue(min(int64(op.Complete-op.Invoke)/1000, histogramMax))
	}
}

func (m *meter) phase(s float64) Phase {
	p := m.p
	p.Seconds = s
	if s > 0 {
		p.OKPerSecond = float64(p.OK) / s
	}
	p.Read, p.Write = quantiles(m.read), quantiles(m.write)
	return p
}
