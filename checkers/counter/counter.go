// Package counter checks counters that are incremented and read.
//
// A read that is linearizable returns a sum of increments that contains every
// one that was acknowledged before the read was invoked and none that was
// invoked after the read returned. The checker bounds each read by the least and
// the greatest such sum, and, when no increment is negative, wants reads that
// follow one another not to go back. This is sound: what it blames is no
// linearizable counter. It is not complete: a value inside the bounds may still be
// a sum that no set of increments makes. With increments that are all alike and
// acknowledged the bounds are exact for a single read.
package counter

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/tally"
	"github.com/lapse-test/lapse/history"
)

// New is a checker.
func New() checkers.Checker {
	return tally.Checker{
		Of: func() checkers.Model { return Models()[0] }, Algorithm: "bounds of each read, order of reads", Thin: "no read followed an increment",
		Fits: func(h *history.History) error { return tally.Only(h, true, history.Increment, history.ReadCounter) },
		Judge: func(t *tally.Tally, h *history.History) error {
			return t.EachKey(func(key history.Key, refs []history.MopRef) error { return checkKey(t, h, key, refs) })
		},
	}
}

// moment is where something about a counter changes: acknowledged and begun
// increments add to the bounds of reads.
type moment struct {
	at  history.Time
	op  int
	end bool
}

func checkKey(t *tally.Tally, h *history.History, key history.Key, refs []history.MopRef) error {
	var moments []moment
	negative := false
	for _, r := range refs {
		op := &h.Ops[r.Op]
		m := h.At(r)
		switch {
		case op.Outcome == history.Fail:
			continue
		case m.Func == history.ReadCounter && (op.Outcome != history.OK || m.Flags&history.Observed == 0):
			continue
		}
		negative = negative || m.Func == history.Increment && m.Arg < 0
		moments = append(moments, moment{op.Invoke, int(r.Op), false})
		if op.Outcome == history.OK {
			moments = append(moments, moment{op.Complete, int(r.Op), true})
		}
	}
	// Intervals are closed: at one stamp, invocations come before completions,
	// so that what touches counts as concurrent.
	slices.SortFunc(moments, func(a, b moment) int {
		end := func(m moment) int {
			if m.end {
				return 1
			}
			return 0
		}
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(end(a), end(b)), cmp.Compare(a.op, b.op))
	})
	// A read must see what was acknowledged before it began, and can see what was
	// begun before it ended; upAcked ... are the sums of such increments, of
	// positive and negative ones, now.
	var upAcked, upBegun, downAcked, downBegun history.Value
	type sums struct {
		up, down history.Value
		risk     bool // some increment had been acknowledged
	}
	must := map[int]sums{}
	// best is the completed read with the greatest value.
	type reading struct {
		value history.Value
		op    int
	}
	var best *reading
	before := map[int]*reading{}
	acked := 0
	for _, m := range moments {
		if err := t.Tick(); err != nil {
			return err
		}
		op := &h.Ops[m.op]
		mop := h.Mop(op)
		if mop.Func == history.Increment {
			sum := [2][2]*history.Value{{&upBegun, &upAcked}, {&downBegun, &downAcked}}
			i, j := 0, 0
			if mop.Arg < 0 {
				i = 1
			}
			if m.end {
				j = 1
				acked++
				t.Evidence().Writes++
			}
			*sum[i][j] += mop.Arg
			continue
		}
		if !m.end {
			must[m.op] = sums{upAcked, downAcked, acked > 0}
			before[m.op] = best
			if acked > 0 {
				t.Evidence().AtRisk++
				if t.DuringFaults(m.op) {
					t.Evidence().DuringFaults++
				}
			}
			continue
		}
		t.Evidence().Reads++
		v := mop.Ret
		if v == history.Absent {
			v = 0
		}
		if !must[m.op].risk && v != 0 {
			// It saw increments although none was acknowledged when it began.
			t.Evidence().AtRisk++
			if t.DuringFaults(m.op) {
				t.Evidence().DuringFaults++
			}
		}
		low, high := must[m.op].up+downBegun, upBegun+must[m.op].down
		switch {
		case v < low:
			t.Violate("lost increment", func() checkers.Violation {
				return outOfBounds(h, key, m.op, v, low, high, "had been acknowledged before it began")
			})
		case v > high:
			t.Violate("unexpected increment", func() checkers.Violation {
				return outOfBounds(h, key, m.op, v, low, high, "had been begun when it ended")
			})
		case !negative && before[m.op] != nil && v < before[m.op].value:
			p := before[m.op]
			t.Violate(wentBack, func() checkers.Violation {
				why := fmt.Sprintf("session %d read %d from counter %s after session %d had read %d", op.Session, v, h.KeyName(key), h.Ops[p.op].Session, p.value)
				return checkers.Violation{
					Key: h.KeyName(key), Session: op.Session, Ops: []int{p.op, m.op}, Sentence: why + ", and nobody decremented it.",
					Steps: []checkers.Step{{From: p.op, To: m.op, Kind: "rt", Why: why}},
				}
			})
		}
		if best == nil || v > best.value {
			best = &reading{v, m.op}
		}
		delete(must, m.op)
		delete(before, m.op)
	}
	return nil
}

func outOfBounds(h *history.History, key history.Key, op int, v, low, high history.Value, what string) checkers.Violation {
	bound := low
	if v > high {
		bound = high
	}
	why := fmt.Sprintf("session %d read %d from counter %s, but increments of %d in sum %s", h.Ops[op].Session, v, h.KeyName(key), bound, what)
	out := checkers.Violation{
		Key: h.KeyName(key), Session: h.Ops[op].Session, Ops: []int{op}, Sentence: why + ".",
		Steps: []checkers.Step{{From: op, To: -1, Kind: "bounds", Why: fmt.Sprintf("what it could return lies between %d and %d", low, high)}},
	}
	if low <= high {
		out.Legal = []string{fmt.Sprintf("%d to %d", low, high)}
	}
	// The witness are the increments that the bound counts.
	for i := range h.Ops {
		o := &h.Ops[i]
		m := h.Mop(o)
		if m.Func != history.Increment || m.Key != key || o.Outcome == history.Fail {
			continue
		}
		acked := o.Outcome == history.OK && o.Complete < h.Ops[op].Invoke
		begun := o.Invoke <= h.Ops[op].Complete
		if v < low && (acked && m.Arg > 0 || begun && m.Arg < 0) || v > high && (begun && m.Arg > 0 || acked && m.Arg < 0) {
			out.Ops = append(out.Ops, i)
		}
	}
	return out
}
