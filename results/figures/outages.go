package figures

import (
	"slices"

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

// OutagesOf measures the load of h.
func OutagesOf(h *history.History) Outages { return outagesIn(h).all(h) }

// gap is a time without a served operation of a kind, in which some were asked for.
type gap struct{ from, to history.Time }

// gaps are those of a load, in the order of time.
type gaps struct{ any, reads, writes []gap }

func outagesIn(h *history.History) *gaps {
	begin, end := LoadPhase(h)
	var served, asked [2][]history.Time // of reads, of writes
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Invoke < begin || op.Invoke > end {
			continue
		}
		kind := 0
		if writes(h, op) {
			kind = 1
		}
		asked[kind] = append(asked[kind], op.Invoke)
		if op.Outcome == history.OK || h.Aborted(op) {
			served[kind] = append(served[kind], min(op.Complete, end))
		}
	}
	return &gaps{
		any:    between(begin, end, slices.Concat(served[0], served[1]), slices.Concat(asked[0], asked[1])),
		reads:  between(begin, end, served[0], asked[0]),
		writes: between(begin, end, served[1], asked[1]),
	}
}

// between are the times between the moments of served, with the ends of the load,
// during which something was asked for or had not been answered yet.
func between(begin, end history.Time, served, asked []history.Time) []gap {
	if len(asked) == 0 {
		return nil
	}
	slices.Sort(served)
	slices.Sort(asked)
	var out []gap
	at, next := begin, 0
	for _, t := range append(served, end) {
		if t <= at {
			continue
		}
		// What was asked before at is served or was tried in vain; what counts is
		// whether anything was asked until t.
		for next < len(asked) && asked[next] < at {
			next++
		}
		open := next < len(asked) && asked[next] < t
		if open || t < end {
			out = append(out, gap{at, t})
		}
		at = t
	}
	return out
}

// longest is the longest part of g that clip leaves, in seconds.
func longest(g []gap, clip func(gap) (gap, bool)) float64 {
	var d history.Time
	for _, x := range g {
		if x, ok := clip(x); ok {
			d = max(d, x.to-x.from)
		}
	}
	return seconds(d)
}

func (g *gaps) outage(clip func(gap) (gap, bool)) Outage {
	return Outage{Any: longest(g.any, clip), Reads: longest(g.reads, clip), Writes: longest(g.writes, clip)}
}

// during is the outage of a fault: counted from its injection, of a gap that began
// before it was healed. It may last beyond the healing.
func (g *gaps) during(f *history.Fault) Outage {
	return g.outage(func(x gap) (gap, bool) {
		if x.to <= f.Injected || f.Healed != 0 && x.from >= f.Healed {
			return x, false
		}
		x.from = max(x.from, f.Injected)
		return x, true
	})
}

func (g *gaps) all(h *history.History) Outages {
	o := Outages{
		Longest: g.outage(func(x gap) (gap, bool) { return x, true }),
		Outside: g.outage(func(x gap) (gap, bool) {
			for i := range h.Faults {
				f := &h.Faults[i]
				if f.TookEffect != 0 && x.to > f.Injected && (f.Healed == 0 || x.from < f.Healed) {
					return x, false
				}
			}
			return x, true
		}),
	}
	for i := range h.Faults {
		if f := &h.Faults[i]; f.TookEffect != 0 {
			d := g.during(f)
			o.Inside = Outage{max(o.Inside.Any, d.Any), max(o.Inside.Reads, d.Reads), max(o.Inside.Writes, d.Writes)}
		}
	}
	for _, e := range h.Events {
		if e.Kind != history.EventFailover {
			continue
		}
		i := slices.IndexFunc(g.writes, func(x gap) bool { return x.from <= e.At && e.At < x.to })
		if i < 0 {
			continue // after the load, or nobody wrote
		}
		o.Failovers = append(o.Failovers, Failover{At: float64(e.At) / 1e9, Text: e.Text, Seconds: seconds(g.writes[i].to - g.writes[i].from)})
	}
	return o
}
