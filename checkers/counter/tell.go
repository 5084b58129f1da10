package counter

import (
	"fmt"
	"strings"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
)

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
