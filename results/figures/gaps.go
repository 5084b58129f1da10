package figures

import (
	"cmp"
	"slices"

	"github.com/lapse-test/lapse/history"
)

// gap is a time without a served operation of a kind, in which some were asked for.
type gap struct{ from, to history.Time }

// gapMeter finds the gaps of a kind of operations, in the order of time, and keeps of them what is asked for: the longest.
type gapMeter struct {
	load      during
	at        history.Time // when the last operation was served
	lastAsked history.Time // the last time at which something was asked for before the end of the load
	asked     bool
	finished  bool
	// pending are the moments at which operations that were seen are served, the last one first: as many as were on their
	// way at a time. One is reached when no operation can come any more that is served earlier.
	pending []history.Time

	windows
	longest, outside history.Time
	inside           []history.Time // by fault
	moments          []history.Time // in order, of which the gaps around them are wanted
	around           []gap
	reached          int // of moments
}

func (g *gapMeter) begin(faults []history.Fault, load during) {
	g.load, g.at, g.faults = load, load.begin, faults
	g.lastAsked = load.begin - 1
	g.inside = make([]history.Time, len(faults))
}

// add takes an operation of the load.
func (g *gapMeter) add(op *history.Op, served bool) {
	g.asked = true
	if op.Invoke < g.load.end {
		g.lastAsked = op.Invoke
	}
	g.reach(op.Invoke)
	if served {
		t := min(op.Complete, g.load.end)
		i, _ := slices.BinarySearchFunc(g.pending, t, func(x, t history.Time) int { return cmp.Compare(t, x) })
		g.pending = slices.Insert(g.pending, i, t)
	}
}

func (g *gapMeter) finish() {
	if g.finished {
		return
	}
	g.finished = true
	g.reach(history.Never)
	g.serve(g.load.end)
}

// reach serves what is pending until t.
func (g *gapMeter) reach(t history.Time) {
	n := len(g.pending)
	for ; n > 0 && g.pending[n-1] <= t; n-- {
		g.serve(g.pending[n-1])
	}
	g.pending = g.pending[:n]
}

// serve ends a gap. What was asked before it began is served or was tried in vain; what counts for the end of the load is
// whether anything was asked until then.
func (g *gapMeter) serve(t history.Time) {
	if !g.asked || t <= g.at {
		return
	}
	if t < g.load.end || g.lastAsked >= g.at {
		g.take(gap{g.at, t})
	}
	g.at = t
}

func (g *gapMeter) take(x gap) {
	g.longest = max(g.longest, x.to-x.from)
	g.until(x.to - 1)
	g.forget(func(f *history.Fault) bool { return f.Healed != 0 && x.from >= f.Healed })
	outside := true
	for _, i := range g.open {
		f := &g.faults[i]
		g.inside[i] = max(g.inside[i], x.to-max(x.from, f.Injected))
		outside = outside && f.TookEffect == 0
	}
	if outside {
		g.outside = max(g.outside, x.to-x.from)
	}
	for ; g.reached < len(g.moments) && g.moments[g.reached] < x.to; g.reached++ {
		if g.moments[g.reached] >= x.from {
			g.around[g.reached] = x
		}
	}
}
