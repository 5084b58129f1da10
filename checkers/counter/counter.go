// Package counter checks counters that are incremented and read.
//
// A read that is linearizable returns a sum of increments that contains every
// one that was acknowledged before the read was invoked and none that was
// invoked after the read returned. So it is the sum of the former and of some of those that
// were under way, or never answered. The checker bounds each read by the least and the
// greatest such sum, looks whether what it returned is one (subset sum, by the sums that
// can be reached), and bounds the difference of two reads that follow one another by
// the increments that can lie between them: those that had not been acknowledged
// when the first was invoked and had been invoked when the second returned. Where no
// increment is negative, reads do not go back. This is sound: what it blames is no
// linearizable counter. It is exact for a single read, unless the increments that were under
// way make more than mostSums different sums that have holes: where that left open whether a
// read is possible, the key is undecided. It is not complete for several reads together: each may
// be possible, and they differ by no more than the bound, although no one choice of
// increments gives them all.
package counter

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/tally"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
)

// New is a checker.
func New() checkers.Checker {
	return tally.Checker{
		Of: func() checkers.Model { return Models()[0] }, Algorithm: "sums that each read allows, order of reads", Thin: "no read followed an increment",
		Fits: func(h *history.History) error { return tally.Only(h, true, history.Increment, history.ReadCounter) },
		Judge: func(t *tally.Tally, h *history.History) error {
			return t.EachKey(func(key history.Key, refs []history.MopRef) error { return checkKey(t, h, key, refs) })
		},
	}
}

// moment is a time at which something about a counter changes: acknowledged and begun
// increments add to the bounds of reads.
type moment struct {
	at  history.Time
	op  int
	end bool
	ref int32 // of the operation among those of the key
}

func checkKey(t *tally.Tally, h *history.History, key history.Key, refs []history.MopRef) error {
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
	type atStart struct {
		up, down history.Value
		risk     bool // some increment had been acknowledged
		acked    int  // how many had been, see pending
	}
	must := map[int]atStart{}
	pending, fits := newPending(h, refs)
	if !fits {
		t.Undecided(h.KeyName(key), tooLarge)
		return nil
	}
	undecided := 0
	// Of the completed reads that are within their bounds, which one leaves a later read
	// the least and the greatest value: what it read, without the increments of one sign
	// that had been acknowledged before it and so cannot come between. Those of the
	// other sign need not come between.
	var completed limits
	before := map[int]limits{}
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
			if m.end {
				pending.acknowledge(m.ref, mop.Arg)
			} else {
				pending.begin(m.ref, mop.Arg, op.Outcome == history.OK)
			}
			continue
		}
		if !m.end {
			must[m.op] = atStart{upAcked, downAcked, acked > 0, len(pending.acked)}
			before[m.op] = completed
			if acked > 0 {
				t.Evidence().AtRisk++
				if t.DuringFaults(m.op) {
					t.Evidence().DuringFaults++
				}
			}
			continue
		}
		t.Evidence().Reads++
		v := value(mop)
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
		default:
			able := pending.allows(v-low, high-low, must[m.op].acked)
			if pending.slow {
				if err := t.Late(); err != nil {
					return err
				}
			}
			switch able {
			case unknown:
				undecided++
			case impossible:
				t.Violate(impossibleSum, func() checkers.Violation {
					below, above, exact := pending.nearest(v-low, high-low)
					return noSum(h, key, m.op, v, low+below, low+above, exact)
				})
			}
			if able == impossible {
				break
			}
			first := before[m.op]
			if p := first.least; p != nil && v < p.rest+downBegun {
				t.Violate(wentBack, func() checkers.Violation {
					return moved(h, key, p.op, m.op, p.rest+downBegun-value(h.Mop(&h.Ops[p.op])))
				})
			}
			if p := first.greatest; p != nil && v > p.rest+upBegun {
				t.Violate(jumped, func() checkers.Violation { return moved(h, key, p.op, m.op, p.rest+upBegun-value(h.Mop(&h.Ops[p.op]))) })
			}
			completed.add(m.op, v-must[m.op].down, v-must[m.op].up)
		}
		delete(must, m.op)
		delete(before, m.op)
	}
	if undecided > 0 {
		t.Undecided(h.KeyName(key), tooManySums(undecided))
	}
	return nil
}

// tooLarge is why a key is undecided of which sums could overflow.
const tooLarge = "its increments add up to more than 64-bit arithmetic allows"

// tooManySums is why a key is undecided on which that many reads are.
func tooManySums(reads int) string {
	return fmt.Sprintf("%s within bounds, but increments under way make more than %d sums", count.Of(reads, "read"), mostSums)
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

// moved says that of two reads that follow one another the second differs from the first
// by more than bound, the sum of the increments that can lie between.
func moved(h *history.History, key history.Key, first, second int, bound history.Value) checkers.Violation {
	a, b := &h.Ops[first], &h.Ops[second]
	from, to := value(h.Mop(a)), value(h.Mop(b))
	why := fmt.Sprintf("session %d read %d from counter %s after session %d had read %d", b.Session, to, h.KeyName(key), a.Session, from)
	what := "increments"
	if to < from {
		what = "decrements"
	}
	if bound == 0 {
		why += fmt.Sprintf(", but no %s can have come between", what)
	} else {
		why += fmt.Sprintf(", but %s that can have come between sum to %d", what, bound)
	}
	out := checkers.Violation{
		Key: h.KeyName(key), Session: b.Session, Ops: []int{first, second}, Sentence: why + ".",
		Steps: []checkers.Step{{From: first, To: second, Kind: "rt", Why: why}},
	}
	// The witness are the increments that the bound counts.
	for i := range h.Ops {
		o := &h.Ops[i]
		m := h.Mop(o)
		if m.Func == history.Increment && m.Key == key && between(o, a, b) && m.Arg > 0 == (to > from) {
			out.Ops = append(out.Ops, i)
		}
	}
	return out
}

// between tells whether an increment can lie between two reads that follow one another.
func between(inc, first, second *history.Op) bool {
	acked := inc.Outcome == history.OK && inc.Complete < first.Invoke
	return inc.Outcome != history.Fail && !acked && inc.Invoke <= second.Complete
}

// value returns the result of a counter's read; a counter that is not there counts as 0.
func value(m *history.Mop) history.Value {
	if m.Ret == history.Absent {
		return 0
	}
	return m.Ret
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

// noSum says that a read returned what no choice of increments makes; below and above are
// sums, the next to it if they are the nearest.
func noSum(h *history.History, key history.Key, op int, v, below, above history.Value, nearest bool) checkers.Violation {
	read := &h.Ops[op]
	out := checkers.Violation{
		Key: h.KeyName(key), Session: read.Session, Ops: []int{op},
		Sentence: fmt.Sprintf("session %d read %d from counter %s, which no choice of the increments under way makes", read.Session, v, h.KeyName(key)),
	}
	if nearest {
		out.Sentence += fmt.Sprintf(": the nearest are %d and %d", below, above)
		out.Legal = []string{fmt.Sprint(below), fmt.Sprint(above)}
	}
	out.Sentence += "."
	var certain history.Value
	var open []string
	for i := range h.Ops {
		o := &h.Ops[i]
		m := h.Mop(o)
		if m.Func != history.Increment || m.Key != key || o.Outcome == history.Fail || o.Invoke > read.Complete {
			continue
		}
		out.Ops = append(out.Ops, i)
		if o.Outcome == history.OK && o.Complete < read.Invoke {
			certain += m.Arg
		} else {
			open = append(open, fmt.Sprintf("%+d", m.Arg))
		}
	}
	const most = 12 // of them are shown
	if n := len(open); n > most {
		open = append(open[:most], fmt.Sprintf("and %d more", n-most))
	}
	out.Steps = []checkers.Step{{From: op, To: -1, Kind: "bounds", Why: fmt.Sprintf("what had been acknowledged before adds up to %d; under way were %s", certain, strings.Join(open, ", "))}}
	return out
}
