package quorum

import (
	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/lapse-test/lapse/history"
)

// Service is how a kind of operation was served in one part of a run.
type Service struct {
	// Asked counts operations, OK those that succeeded.
	Asked int `json:"asked"`
	OK    int `json:"ok"`
	// P50 and P99 are quantiles of the time that successful ones took, in
	// milliseconds, from invocation to completion.
	P50 float64 `json:"p50_ms"`
	P99 float64 `json:"p99_ms"`

	times *hdrhistogram.Histogram
}

// Availability is the share of operations that succeeded, 1 if there were none.
func (s Service) Availability() float64 {
	if s.Asked == 0 {
		return 1
	}
	return float64(s.OK) / float64(s.Asked)
}

// Served is the service inside fault windows that were seen to take effect, and outside.
type Served struct {
	Reads         Service `json:"reads"`
	Writes        Service `json:"writes"`
	ReadsInFault  Service `json:"reads_in_faults"`
	WritesInFault Service `json:"writes_in_faults"`
}

// histogramMax is in microseconds: ten minutes.
const histogramMax = 600_000_000

// MeasureService measures one or several histories together.
func MeasureService(all ...*history.History) Served {
	var s Served
	parts := []*Service{&s.Reads, &s.Writes, &s.ReadsInFault, &s.WritesInFault}
	for _, p := range parts {
		p.times = hdrhistogram.New(1, histogramMax, 3)
	}
	for _, h := range all {
		for i := range h.Ops {
			op := &h.Ops[i]
			n := 0
			if h.Mop(op).Func.Writes() {
				n = 1
			}
			if h.FaultAt(op.Invoke) {
				n += 2
			}
			p := parts[n]
			p.Asked++
			if op.Outcome == history.OK {
				p.OK++
				// Values beyond the histogram's range are counted at its edge.
				_ = p.times.RecordValue(min(int64(op.Complete-op.Invoke)/1000, histogramMax))
			}
		}
	}
	for _, p := range parts {
		p.P50 = float64(p.times.ValueAtQuantile(50)) / 1000
		p.P99 = float64(p.times.ValueAtQuantile(99)) / 1000
	}
	return s
}
