package figures

import (
	"github.com/lapse-test/lapse/history"
)

// Outages are times in which the load went on and nothing of a kind succeeded, in
// seconds. An outage lasts from the completion of one served operation to that of the
// next one; before the first it begins with the load, after the last it ends with the
// load, if something was still asked for. Served is ok, or refused for what the database
// read (history.Aborted). Low rates have gaps of their own: an outage is worth a look
// when it is much longer than those of a calm run.
type Outages struct {
	Longest Outage `json:"longest_s"`
	// Inside is the longest of those that began or went on in a fault window that took
	// effect, counted from the injection; Outside of the others.
	Inside  Outage `json:"inside_faults_s"`
	Outside Outage `json:"outside_faults_s"`
	// Failovers are the events of kind failover by which another node took over, each
	// with how long no write succeeded around it.
	Failovers []Failover `json:"failovers,omitempty"`
}

// Outage has the longest times, in seconds, without a successful operation, read and write.
type Outage struct {
	Any    float64 `json:"any"`
	Reads  float64 `json:"reads"`
	Writes float64 `json:"writes"`
}

// Failover is a change of the node that takes the writes.
type Failover struct {
	// At is in seconds since the start of the run, Text what the target told.
	At   float64 `json:"at_s"`
	Text string  `json:"text"`
	// Seconds is from the last write that succeeded before to the first one after.
	Seconds float64 `json:"seconds"`
}

// FailoverTime is the longest of the failovers, ok whether there was one.
func (o *Outages) FailoverTime() (s float64, ok bool) {
	for _, f := range o.Failovers {
		s = max(s, f.Seconds)
	}
	return s, len(o.Failovers) > 0
}

// outageMeter measures the times in which nothing of a kind was served.
type outageMeter struct {
	about              *history.History
	load               during
	any, reads, writes gapMeter
}

func newOutageMeter(o history.Ordered) *outageMeter {
	m := &outageMeter{about: o.About(), load: loadOf(o)}
	for _, g := range []*gapMeter{&m.any, &m.reads, &m.writes} {
		g.begin(m.about.Faults, m.load)
	}
	for _, e := range m.about.Events {
		if e.Kind == history.EventFailover {
			m.writes.moments = append(m.writes.moments, e.At)
		}
	}
	m.writes.around = make([]gap, len(m.writes.moments))
	return m
}

// See implements Meter.
func (m *outageMeter) See(h *history.History) {
	for i := range h.Ops {
		op := &h.Ops[i]
		if !m.load.has(op) {
			continue
		}
		kind := &m.reads
		if writes(h, op) {
			kind = &m.writes
		}
		served := op.Outcome == history.OK || h.Aborted(op)
		kind.add(op, served)
		m.any.add(op, served)
	}
}

// outages are those of all that was seen.
func (m *outageMeter) outages() Outages {
	m.finish()
	o := Outages{
		Longest: Outage{Any: seconds(m.any.longest), Reads: seconds(m.reads.longest), Writes: seconds(m.writes.longest)},
		Outside: Outage{Any: seconds(m.any.outside), Reads: seconds(m.reads.outside), Writes: seconds(m.writes.outside)},
	}
	for i := range m.about.Faults {
		if m.about.Faults[i].TookEffect != 0 {
			d := m.during(i)
			o.Inside = Outage{max(o.Inside.Any, d.Any), max(o.Inside.Reads, d.Reads), max(o.Inside.Writes, d.Writes)}
		}
	}
	n := 0
	for _, e := range m.about.Events {
		if e.Kind != history.EventFailover {
			continue
		}
		// There is no gap around what came after the load, or when nobody wrote.
		if g := m.writes.around[n]; g.to != 0 {
			o.Failovers = append(o.Failovers, Failover{At: float64(e.At) / 1e9, Text: e.Text, Seconds: seconds(g.to - g.from)})
		}
		n++
	}
	return o
}

// finish ends the load; more than once is as good as once.
func (m *outageMeter) finish() {
	m.any.finish()
	m.reads.finish()
	m.writes.finish()
}

// during is the outage of fault i: counted from its injection, of a gap that began
// before it was healed. It may last beyond the healing.
func (m *outageMeter) during(i int) Outage {
	m.finish()
	return Outage{Any: seconds(m.any.inside[i]), Reads: seconds(m.reads.inside[i]), Writes: seconds(m.writes.inside[i])}
}
