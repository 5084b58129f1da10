package set

import (
	"context"
	"slices"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/tally"
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

const maxWorst = 10

// Outcomes reports how the elements of h fared. Elements that somebody tried to
// remove are left out. It applies where Checker applies.
func Outcomes(ctx context.Context, h *history.History, b checkers.Budget) (Report, error) {
	if err := New().Applies(h); err != nil {
		return Report{}, err
	}
	t := tally.New(ctx, h, b, Model, "")
	var rep Report
	var stable, lost []time.Duration
	x := h.ByKey()
	for i := range x.Len() {
		key, refs := x.At(i)
		s := load(h, key, refs)
		if err := s.follow(t); err != nil {
			return Report{}, err
		}
		for j := range s.all {
			e := &s.all[j]
			op := &h.Ops[e.add]
			if len(e.removes) > 0 || op.Outcome == history.Fail {
				continue
			}
			rep.Attempted++
			if op.Outcome == history.OK {
				rep.Acknowledged++
			}
			switch {
			case s.lost(e):
				rep.Lost++
				l := time.Duration(0)
				if e.lastIn >= 0 {
					l = time.Duration(max(0, h.Ops[e.lastIn].Invoke-e.known))
				}
				lost = append(lost, l)
			case e.lastIn < 0:
				rep.NeverRead++
			default:
				rep.Stable++
				l := time.Duration(0)
				if e.lastOut >= 0 {
					rep.Stale++
					l = time.Duration(h.Ops[e.lastOut].Invoke - e.known)
					rep.Worst = append(rep.Worst, Stale{h.KeyName(key), h.ValueText(e.value), l, e.knownBy, e.lastOut})
				}
				stable = append(stable, l)
			}
		}
		slices.SortStableFunc(rep.Worst, func(a, b Stale) int { return int(min(max(b.Latency-a.Latency, -1), 1)) })
		rep.Worst = rep.Worst[:min(len(rep.Worst), maxWorst)]
	}
	rep.StableLatency, rep.LostLatency = quantiles(stable), quantiles(lost)
	return rep, nil
}

func quantiles(d []time.Duration) Latency {
	if len(d) == 0 {
		return Latency{}
	}
	slices.Sort(d)
	at := func(q float64) time.Duration { return d[min(len(d)-1, int(q*float64(len(d))))] }
	return Latency{d[0], at(0.5), at(0.95), at(0.99), d[len(d)-1]}
}
