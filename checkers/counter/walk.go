package counter

import (
	"cmp"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/tally"
	"github.com/lapse-test/lapse/history"
)

// moment is a time at which something about a counter changes: acknowledged and begun
// increments add to the bounds of reads.
type moment struct {
	at  history.Time
	op  int
	end bool
	ref int32 // of the operation among those of the key
}

// momentsOf are those of a key's increments that did not fail and of its reads that saw something, in their order. Intervals
// are closed: at one stamp, invocations come before completions, so that what touches counts as concurrent.
func momentsOf(h *history.History, refs []history.MopRef) []moment {
	var moments []moment
	for n, r := range refs {
		op := &h.Ops[r.Op]
		m := h.At(r)
		switch {
		case op.Outcome == history.Fail:
			continue
		case m.Func == history.ReadCounter && (op.Outcome != history.OK || m.Flags&history.Observed == 0):
			continue
		}
		moments = append(moments, moment{op.Invoke, int(r.Op), false, int32(n)})
		if op.Outcome == history.OK {
			moments = append(moments, moment{op.Complete, int(r.Op), true, int32(n)})
		}
	}
	slices.SortFunc(moments, func(a, b moment) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(ends(a), ends(b)), cmp.Compare(a.op, b.op))
	})
	return moments
}

func ends(m moment) int {
	if m.end {
		return 1
	}
	return 0
}

// reach are sums of increments: of the positive ones and of the negative ones.
type reach struct{ up, down history.Value }

func (r *reach) add(by history.Value) {
	if by < 0 {
		r.down += by
	} else {
		r.up += by
	}
}

// atStart is what a read began with.
type atStart struct {
	acked   reach  // must be seen
	risk    bool   // some increment had been acknowledged
	pending int    // how many had been, see pending
	before  limits // of the reads that had ended
}

// walk goes through the moments of a key.
type walk struct {
	t   *tally.Tally
	h   *history.History
	key history.Key
	// A read must see what was acknowledged before it began, and can see what was begun
	// before it ended.
	acked, begun reach
	increments   int // acknowledged
	pending      *pending
	open         map[int]atStart // reads that have begun, by their operations
	// completed are, of the completed reads that are within their bounds, those that leave
	// a later read the least and the greatest value: what it read, without the increments of
	// one sign that had been acknowledged before it and so cannot come between. Those of the
	// other sign need not come between.
	completed limits
	undecided int // reads
}

func checkKey(t *tally.Tally, h *history.History, key history.Key, refs []history.MopRef) error {
	pending, fits := newPending(h, refs)
	if !fits {
		t.Undecided(h.KeyName(key), tooLarge)
		return nil
	}
	w := walk{t: t, h: h, key: key, pending: pending, open: map[int]atStart{}}
	for _, m := range momentsOf(h, refs) {
		if err := t.Tick(); err != nil {
			return err
		}
		switch mop := h.Mop(&h.Ops[m.op]); {
		case mop.Func == history.Increment:
			w.increment(m, mop.Arg)
		case !m.end:
			w.begin(m.op)
		default:
			if err := w.end(m.op, value(mop)); err != nil {
				return err
			}
		}
	}
	if w.undecided > 0 {
		t.Undecided(h.KeyName(key), tooManySums(w.undecided))
	}
	return nil
}

// increment begins or acknowledges one.
func (w *walk) increment(m moment, by history.Value) {
	if !m.end {
		w.begun.add(by)
		w.pending.begin(m.ref, by, w.h.Ops[m.op].Outcome == history.OK)
		return
	}
	w.acked.add(by)
	w.increments++
	w.t.Evidence().Writes++
	w.pending.acknowledge(m.ref, by)
}

// begin begins a read.
func (w *walk) begin(op int) {
	w.open[op] = atStart{w.acked, w.increments > 0, len(w.pending.acked), w.completed}
	if w.increments > 0 {
		w.atRisk(op)
	}
}

func (w *walk) atRisk(op int) {
	w.t.Evidence().AtRisk++
	if w.t.DuringFaults(op) {
		w.t.Evidence().DuringFaults++
	}
}

// end judges a read that has returned v.
func (w *walk) end(op int, v history.Value) error {
	w.t.Evidence().Reads++
	at := w.open[op]
	delete(w.open, op)
	if !at.risk && v != 0 {
		// It saw increments although none was acknowledged when it began.
		w.atRisk(op)
	}
	low, high := at.acked.up+w.begun.down, w.begun.up+at.acked.down
	switch {
	case v < low:
		w.t.Violate("lost increment", func() checkers.Violation {
			return outOfBounds(w.h, w.key, op, v, low, high, "had been acknowledged before the read was invoked")
		})
		return nil
	case v > high:
		w.t.Violate("unexpected increment", func() checkers.Violation {
			return outOfBounds(w.h, w.key, op, v, low, high, "had been invoked when the read completed")
		})
		return nil
	}
	can, err := w.sum(op, v, low, high, at.pending)
	if err != nil || !can {
		return err
	}
	w.follows(op, v, at.before)
	w.completed.add(op, v-at.acked.down, v-at.acked.up)
	return nil
}

// sum looks whether a value within bounds is a sum of what had been acknowledged and of some of what was under way. It is true
// also of what cannot be decided.
func (w *walk) sum(op int, v, low, high history.Value, acked int) (can bool, err error) {
	able := w.pending.allows(v-low, high-low, acked)
	if w.pending.slow {
		if err := w.t.Late(); err != nil {
			return false, err
		}
	}
	switch able {
	case unknown:
		w.undecided++
	case impossible:
		w.t.Violate(impossibleSum, func() checkers.Violation {
			below, above, exact := w.pending.nearest(v-low, high-low)
			return noSum(w.h, w.key, op, v, low+below, low+above, exact)
		})
		return false, nil
	}
	return true, nil
}

// follows bounds a read by those that had ended when it began.
func (w *walk) follows(op int, v history.Value, before limits) {
	if p := before.least; p != nil && v < p.rest+w.begun.down {
		most := p.rest + w.begun.down
		w.t.Violate(wentBack, func() checkers.Violation { return moved(w.h, w.key, p.op, op, most-value(w.h.Mop(&w.h.Ops[p.op]))) })
	}
	if p := before.greatest; p != nil && v > p.rest+w.begun.up {
		most := p.rest + w.begun.up
		w.t.Violate(jumped, func() checkers.Violation { return moved(w.h, w.key, p.op, op, most-value(w.h.Mop(&w.h.Ops[p.op]))) })
	}
}

// reading is a completed read, and what it read without some increments.
type reading struct {
	op   int
	rest history.Value
}

// limits are the reads that bound later ones.
type limits struct{ least, greatest *reading }

func (l *limits) add(op int, down, up history.Value) {
	if l.least == nil || down > l.least.rest {
		l.least = &reading{op, down}
	}
	if l.greatest == nil || up < l.greatest.rest {
		l.greatest = &reading{op, up}
	}
}
