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

// Of measures a history, its staleness too, which takes all of it in memory.
func Of(ctx context.Context, h *history.History) (*Case, error) {
	m := NewCaseMeter(h)
	if err := Take(h, m); err != nil {
		return nil, err
	}
	f := m.Case()
	own, _ := h.AtItsLevel()
	if r, err := staleness.Measure(ctx, own); err == nil {
		f.Staleness, f.StalenessMeasured = time.Duration(r.All.Time.Max).Seconds(), true
	}
	return f, nil
}

// CaseMeter computes a Case but for the staleness.
type CaseMeter struct {
	about           *history.History
	load            during
	inside, outside *meter
	totals          *TotalMeter
	shards          *ShardMeter
	written         *writeMeter
	served          *outageMeter
	on              windows
}

// NewCaseMeter returns a meter for o.
func NewCaseMeter(o history.Ordered) *CaseMeter {
	m := &CaseMeter{
		about: o.About(), load: loadOf(o), inside: newMeter(), outside: newMeter(),
		totals: NewTotalMeter(o), shards: NewShardMeter(o), written: newWriteMeter(o.About().Faults), served: newOutageMeter(o),
	}
	m.on.faults = m.about.Faults
	return m
}

// See implements Meter.
func (m *CaseMeter) See(h *history.History) {
	m.totals.See(h)
	m.shards.See(h)
	m.written.See(h)
	m.served.See(h)
	for i := range h.Ops {
		op := &h.Ops[i]
		if !m.load.has(op) {
			continue
		}
		m.on.until(op.Invoke)
		m.on.forget(func(f *history.Fault) bool { return f.TookEffect == 0 || !f.Covers(op.Invoke) })
		if len(m.on.open) > 0 {
			m.inside.add(h, op)
		} else {
			m.outside.add(h, op)
		}
	}
}

// Case is that of all that was seen, without the staleness.
func (m *CaseMeter) Case() *Case {
	load := m.totals.Totals()
	f := &Case{
		Part: partOf(load.Phase), Inside: partOf(m.inside.phase(0)), Outside: partOf(m.outside.phase(0)),
		OKPerSecond: load.OKPerSecond, Shards: m.shards.Shards(), Measures: Measures(m.about),
		Recovery: m.written.longest().Seconds(), Outages: m.served.outages(),
	}
	for i := range m.about.Events {
		if l, ok := m.about.Events[i].Lag(); ok {
			f.LagMeasured = true
			f.Lag = max(f.Lag, float64(l.BehindMS)/1000)
		}
	}
	return f
}

// partOf is p by how it was served.
func partOf(p Phase) Part {
	return Part{Ops: p.Ops, Availability: p.Available(), Aborts: p.AbortRatio(), ReadP99: p.Read.P99, WriteP99: p.Write.P99}
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
