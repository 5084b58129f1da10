// Package figures is what a history measures: rates, latencies, availability,
// recovery, and how the load fell on the partitions of the keys. Nothing here can
// change a verdict.
package figures

import (
	"context"
	"time"

	"github.com/lapse-test/lapse/checkers/staleness"
	"github.com/lapse-test/lapse/history"
)

// Case are the numbers that thresholds are about.
type Case struct {
	Part
	OKPerSecond float64 `json:"ok_per_second"`
	// Inside and Outside are the same as above for the operations that began in a
	// fault window that was seen to take effect, and for the others.
	Inside  Part `json:"inside_faults"`
	Outside Part `json:"outside_faults"`
	// Recovery is the longest time from a fault's healing to the completion of
	// the next successful write, in seconds; where none came, the time until the
	// last write that was tried.
	Recovery float64 `json:"recovery_s"`
	// Staleness is the staleness of the worst read, in seconds: see package
	// staleness. Measured tells whether it could be measured: it is for registers.
	Staleness         float64 `json:"staleness_s"`
	StalenessMeasured bool    `json:"staleness_measured"`
	// Outages are the longest times without a successful operation.
	Outages Outages `json:"outages"`
	// Lag is the most that a replica said it was behind while the load was on, in
	// seconds, if LagMeasured: see history.EventLag.
	Lag         float64 `json:"lag_s"`
	LagMeasured bool    `json:"lag_measured"`
	// Shards are the partitions of the keys where the history tells them, busiest
	// first.
	Shards []Shard `json:"shards,omitempty"`
	// Measures are what the target's system has counted: see history.EventMeasure.
	Measures []history.Measure `json:"measures,omitempty"`
}

// Part counts some of the operations of the load by how they were served.
type Part struct {
	Ops int `json:"ops"`
	// Availability is the share that was served: ok, or refused for what the database
	// read. Aborts is the share that was refused so: aborts by concurrency control and
	// failed CAS.
	Availability float64 `json:"availability"`
	Aborts       float64 `json:"aborts"`
	// ReadP99 and WriteP99 are in milliseconds, and 0 if none succeeded.
	ReadP99  float64 `json:"read_p99_ms"`
	WriteP99 float64 `json:"write_p99_ms"`
}

// Of measures a history.
func Of(ctx context.Context, h *history.History) *Case {
	load := Measure(h)
	f := &Case{OKPerSecond: load.OKPerSecond, Shards: Shards(h), Measures: Measures(h), Recovery: recovery(h).Seconds(), Outages: OutagesOf(h)}
	all := func(*history.Op) bool { return true }
	inside := func(op *history.Op) bool { return h.FaultAt(op.Invoke) }
	f.Part, f.Inside = part(h, all), part(h, inside)
	f.Outside = part(h, func(op *history.Op) bool { return !inside(op) })
	for i := range h.Events {
		if l, ok := h.Events[i].Lag(); ok {
			f.LagMeasured = true
			f.Lag = max(f.Lag, float64(l.BehindMS)/1000)
		}
	}
	own, _ := h.AtItsLevel()
	if r, err := staleness.Measure(ctx, own); err == nil {
		f.Staleness, f.StalenessMeasured = time.Duration(r.All.Time.Max).Seconds(), true
	}
	return f
}

// Measures are what the target's system has counted: see history.EventMeasure.
func Measures(h *history.History) []history.Measure {
	var out []history.Measure
	for i := range h.Events {
		if m, ok := h.Events[i].Measure(); ok {
			out = append(out, m)
		}
	}
	return out
}

func part(h *history.History, counts func(*history.Op) bool) Part {
	var p Part
	read, write := newHistogram(), newHistogram()
	begin, end := LoadPhase(h)
	ok, aborted := 0, 0
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Invoke < begin || op.Invoke > end || !counts(op) {
			continue
		}
		p.Ops++
		if op.Outcome != history.OK {
			if h.Aborted(op) {
				aborted++
			}
			continue
		}
		ok++
		times := read
		if writes(h, op) {
			times = write
		}
		// Values beyond the histogram's range are counted at its edge.
		_ = times.RecordValue(min(int64(op.Complete-op.Invoke)/1000, histogramMax))
	}
	p.Availability, p.Aborts = ratio(ok+aborted, p.Ops, 1), ratio(aborted, p.Ops, 0)
	p.ReadP99, p.WriteP99 = quantiles(read).P99, quantiles(write).P99
	return p
}

// recovery is the longest time that it took from a fault's healing to the next
// successful write.
func recovery(h *history.History) time.Duration {
	var longest history.Time
	for i := range h.Faults {
		healed := h.Faults[i].Healed
		if healed == 0 {
			continue
		}
		next, tried := history.Never, healed
		for j := range h.Ops {
			op := &h.Ops[j]
			if op.Invoke < healed || !writes(h, op) {
				continue
			}
			tried = max(tried, op.Invoke)
			if op.Outcome == history.OK {
				next = min(next, op.Complete)
			}
		}
		if next == history.Never {
			next = tried
		}
		longest = max(longest, next-healed)
	}
	return time.Duration(longest)
}
