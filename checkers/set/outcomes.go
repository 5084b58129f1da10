package set

import (
	"context"
	"slices"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
)

// Report counts the elements of all sets of a history by their fate.
type Report struct {
	// Attempted counts adds, Acknowledged those that were answered with ok.
	Attempted    int `json:"attempted"`
	Acknowledged int `json:"acknowledged"`
	// Stable elements were seen by the last read that could see them; of those,
	// Stale ones were missed by a read after they were known. Lost ones were known
	// and are gone. NeverRead ones were not seen, and no read that could have
	// proves them lost.
	Stable    int `json:"stable"`
	Stale     int `json:"stale"`
	Lost      int `json:"lost"`
	NeverRead int `json:"never_read"`
	// StableLatency is, over the stable elements, the time from when an element
	// was known to the beginning of the last read that missed it; LostLatency,
	// over the lost ones, to the beginning of the last read that saw it.
	StableLatency Latency `json:"stable_latency"`
	LostLatency   Latency `json:"lost_latency"`
	// Worst are the stale elements that took longest, at most ten.
	Worst []Stale `json:"worst,omitempty"`
	// Untimed says that the stamps of the history are no times: what stands for times are numbers of events.
	Untimed bool `json:"untimed,omitempty"`
}

// Latency are quantiles of times.
type Latency struct {
	P0   time.Duration `json:"p0_ns"`
	P50  time.Duration `json:"p50_ns"`
	P95  time.Duration `json:"p95_ns"`
	P99  time.Duration `json:"p99_ns"`
	P100 time.Duration `json:"p100_ns"`
}

// Stale is an element that was missed for a while.
type Stale struct {
	Key     string        `json:"key"`
	Element string        `json:"element"`
	Latency time.Duration `json:"latency_ns"`
	// Known and Missed are operations: what made it known, and the last read
	// that missed it.
	Known  int `json:"known"`
	Missed int `json:"missed"`
}

// Outcomes reports how the elements of h fared. Elements that somebody tried to
// remove are left out. It applies where Checker applies.
func Outcomes(ctx context.Context, h *history.History, b checkers.Budget) (Report, error) {
	var s Sum
	if err := s.Add(ctx, h, b); err != nil {
		return Report{}, err
	}
	return s.Report(), nil
}

func quantiles(d []time.Duration) Latency {
	if len(d) == 0 {
		return Latency{}
	}
	slices.Sort(d)
	at := func(q float64) time.Duration { return d[min(len(d)-1, int(q*float64(len(d))))] }
	return Latency{d[0], at(0.5), at(0.95), at(0.99), d[len(d)-1]}
}
