package counter

import (
	"fmt"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/evidence"
	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/checkers/internal/tally"
	"github.com/lapse-test/lapse/history"
)

// NewEventual is a checker of Eventual: counters whose replicas take increments by themselves and tell each other later, such as those of
// Shapiro, Preguiça, Baquero and Zawirski ("Conflict-free Replicated Data Types", 2011). Only final reads are judged (see
// evidence.FinalReads and Last): each must be a sum of all increments that were acknowledged and perhaps some that were never answered. It is
// exact, unless the latter make more than mostSums different sums that have holes: where that left open whether a read is
// possible, the key is undecided.
func NewEventual() checkers.Checker {
	return tally.Checker{
		Of: func() checkers.Model { return Models()[1] }, Algorithm: "sums that final reads allow", Thin: "no final read followed an increment",
		Fits: func(h *history.History) error { return tally.Only(h, true, history.Increment, history.ReadCounter) },
		Judge: func(t *tally.Tally, h *history.History) error {
			final, err := evidence.FinalReads(h)
			if err != nil {
				final = history.Never // a fault was not seen to heal, so that no read is final
			}
			return t.EachKey(func(key history.Key, refs []history.MopRef) error { return checkFinal(t, h, key, refs, final) })
		},
	}
}

func checkFinal(t *tally.Tally, h *history.History, key history.Key, refs []history.MopRef, final history.Time) error {
	var low, high history.Value
	changed := false
	pending, fits := newPending(h, refs)
	if !fits {
		t.Undecided(h.KeyName(key), tooLarge)
		return nil
	}
	for n, r := range refs {
		op, m := &h.Ops[r.Op], h.At(r)
		if m.Func != history.Increment || op.Outcome == history.Fail {
			continue
		}
		if op.Outcome == history.OK {
			changed = true
			t.Evidence().Writes++
		} else {
			pending.begin(int32(n), m.Arg, false)
		}
		if op.Outcome == history.OK || m.Arg < 0 {
			low += m.Arg
		}
		if op.Outcome == history.OK || m.Arg > 0 {
			high += m.Arg
		}
	}
	var after []history.MopRef
	for _, r := range refs {
		if err := t.Tick(); err != nil {
			return err
		}
		op, m := &h.Ops[r.Op], h.At(r)
		if m.Func != history.ReadCounter || op.Outcome != history.OK || m.Flags&history.Observed == 0 {
			continue
		}
		t.Evidence().Reads++
		if op.Invoke > final && changed {
			after = append(after, r)
		}
	}
	undecided := 0
	for _, r := range evidence.Last(h, after) {
		if err := t.Late(); err != nil {
			return err
		}
		t.Evidence().AtRisk++
		v := h.At(r).Ret
		if v == history.Absent {
			v = 0
		}
		var anomaly string
		switch {
		case v < low:
			anomaly = "lost increment"
		case v > high:
			anomaly = "unexpected increment"
		default:
			switch pending.allows(v-low, high-low, 0) {
			case unknown:
				undecided++
			case impossible:
				t.Violate(impossibleSum, func() checkers.Violation {
					below, above, exact := pending.nearest(v-low, high-low)
					return noSumInTheEnd(h, key, int(r.Op), v, low+below, low+above, exact)
				})
			}
			continue
		}
		t.Violate(anomaly, func() checkers.Violation { return outInTheEnd(h, key, int(r.Op), v, low, high) })
	}
	if undecided > 0 {
		t.Undecided(h.KeyName(key), tooManySums(undecided))
	}
	return nil
}

func outInTheEnd(h *history.History, key history.Key, op int, v, low, high history.Value) checkers.Violation {
	why := fmt.Sprintf("after all faults were healed and the increments had stopped, session %d read %d from counter %s, but what was acknowledged adds up to %d",
		h.Ops[op].Session, v, h.KeyName(key), low)
	if low != high {
		why += fmt.Sprintf(", and with what was never answered to between that and %d", high)
	}
	return checkers.Violation{
		Key: h.KeyName(key), Session: h.Ops[op].Session, Ops: append([]int{op}, increments(h, key)...), Sentence: why + ".",
		Steps: []checkers.Step{{From: op, To: -1, Kind: "bounds", Why: fmt.Sprintf("what it could return lies between %d and %d", low, high)}},
		Legal: []string{fmt.Sprintf("%d to %d", low, high)},
	}
}

// noSumInTheEnd says that a final read returned what no choice of increments makes; below and above are
// sums, the next to it if they are the nearest.
func noSumInTheEnd(h *history.History, key history.Key, op int, v, below, above history.Value, nearest bool) checkers.Violation {
	out := checkers.Violation{
		Key: h.KeyName(key), Session: h.Ops[op].Session, Ops: append([]int{op}, increments(h, key)...),
		Sentence: fmt.Sprintf("after all faults were healed and the increments had stopped, session %d read %d from counter %s, which what was acknowledged does not make with any choice of what was never answered",
			h.Ops[op].Session, v, h.KeyName(key)),
		Steps: []checkers.Step{{From: op, To: -1, Kind: "bounds", Why: "no such sum"}},
	}
	if nearest {
		why := fmt.Sprintf("the nearest are %d and %d", below, above)
		out.Sentence += ": " + why
		out.Steps[0].Why = why
		out.Legal = []string{fmt.Sprint(below), fmt.Sprint(above)}
	}
	out.Sentence += "."
	return out
}

// increments are those of a counter that may have happened.
func increments(h *history.History, key history.Key) []int {
	var out []int
	for i := range h.Ops {
		if o := &h.Ops[i]; o.Outcome != history.Fail && h.Mop(o).Func == history.Increment && h.Mop(o).Key == key {
			out = append(out, i)
		}
	}
	return out
}

// refutedInTheEnd: no choice of the increments that were never answered gives what some read of the witness returned, which began
// when all others were over.
func refutedInTheEnd(p *refute.Proof) bool {
	refuted := false
	p.Mops(func(read *history.Op, m *history.Mop) {
		if m.Func != history.ReadCounter || !refute.Observed(read, m) {
			return
		}
		least, most, over := history.Value(0), history.Value(0), true
		var never []history.Value
		p.Each(m.Key, func(_ int, op *history.Op, inc *history.Mop) bool {
			switch {
			case inc.Func != history.Increment:
			case op.Outcome == history.OK:
				over = over && op.Complete < read.Invoke
				least, most = least+inc.Arg, most+inc.Arg
			default:
				least, most = least+min(inc.Arg, 0), most+max(inc.Arg, 0)
				never = append(never, max(inc.Arg, -inc.Arg))
			}
			return false
		})
		v := m.Ret
		if v == history.Absent {
			v = 0
		}
		if p.V.Anomaly == impossibleSum {
			refuted = refuted || over && least <= v && v <= most && noSubset(min(v-least, most-v), never, nil)
			return
		}
		refuted = refuted || over && (v < least || v > most)
	})
	return refuted
}
