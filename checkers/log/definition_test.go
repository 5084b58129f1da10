package log

import (
	"slices"

	"github.com/lapse-test/lapse/history"
)

// told is one thing that an operation said of a message of the only log.
type told struct {
	op      int
	offset  int64
	message history.Value
	polled  bool
}

// byDefinition are the anomalies that a history of one log shows, sorted: the definitions
// word by word, each over all pairs and triples of what was told.
func byDefinition(h *history.History, whole bool) []string {
	var all []told
	outcome := map[history.Value]history.Outcome{}
	sender := map[history.Value]int{}
	given := map[history.Value]bool{}
	for i := range h.Ops {
		op := &h.Ops[i]
		m := h.Mop(op)
		switch {
		case m.Func == history.Send:
			outcome[m.Arg], sender[m.Arg] = op.Outcome, i
			if op.Outcome == history.OK && m.Flags&history.Versioned != 0 {
				all = append(all, told{i, m.Version, m.Arg, false})
			}
		case m.Func == history.Poll && op.Outcome != history.Fail:
			for offset, message := range h.PollPairs(m) {
				all = append(all, told{i, offset, message, true})
				given[message] = true
			}
		}
	}
	found := map[string]bool{}
	for _, a := range all {
		o, sent := outcome[a.message]
		found[unexpected] = found[unexpected] || a.polled && (!sent || o != history.Fail && h.Ops[a.op].Complete < h.Ops[sender[a.message]].Invoke)
		found[abortedRead] = found[abortedRead] || a.polled && sent && o == history.Fail
		for _, b := range all {
			found[reordered] = found[reordered] || a.offset == b.offset && a.message != b.message
			found[duplicate] = found[duplicate] || a.message == b.message && a.offset != b.offset
		}
	}
	steps := func(from, to int64, begins bool) {
		if !begins && to <= from {
			found[backwards] = true
			return
		}
		for _, c := range all {
			if (begins || from < c.offset) && c.offset < to {
				switch {
				case !given[c.message]:
					found[lostMessage] = found[lostMessage] || !begins || whole
				case !begins:
					found[skipped] = true
				}
			}
		}
	}
	var begun []begin
	for i := range h.Ops {
		op := &h.Ops[i]
		m := h.Mop(op)
		if op.Outcome != history.OK {
			continue
		}
		switch m.Func {
		case history.Send:
			for j := i - 1; j >= 0; j-- {
				if b := h.Mop(&h.Ops[j]); h.Ops[j].Session == op.Session && b.Func == history.Send && h.Ops[j].Outcome == history.OK && b.Flags&history.Versioned != 0 {
					found[sendBackwards] = found[sendBackwards] || b.Version >= m.Version
					break
				}
			}
		case history.Poll:
			list := h.List(m)
			if len(list) == 0 {
				continue
			}
			for k := 2; k < len(list); k += 2 {
				steps(int64(list[k-2]), int64(list[k]), false)
			}
			if last, from, at := stood(h, i); at {
				steps(last, int64(list[0]), false)
			} else if from >= 0 {
				steps(0, int64(list[0]), true)
				begun = append(begun, begin{from, i, int64(list[0])})
			}
		}
	}
	for _, a := range begun {
		for _, b := range begun {
			found[skipped] = found[skipped] || h.Ops[b.seek].Invoke > h.Ops[a.poll].Complete && b.offset < a.offset
		}
	}
	var out []string
	for a, is := range found {
		if is {
			out = append(out, a)
		}
	}
	slices.Sort(out)
	return out
}

// begin is a consumer that sought to the beginning, and its first poll.
type begin struct {
	seek, poll int
	offset     int64
}

// stood goes back from operation i of a session: to the offset at which the last poll of it
// ended (known is true), or to the operation with which it sought to the beginning (-1 if it did
// not).
func stood(h *history.History, i int) (last int64, seek int, known bool) {
	failed := false
	for j := i - 1; j >= 0; j-- {
		op := &h.Ops[j]
		m := h.Mop(op)
		switch {
		case op.Session != h.Ops[i].Session:
		case op.Process != h.Ops[i].Process, op.Outcome == history.Info:
			return 0, -1, false
		case m.Func == history.Subscribe, m.Func == history.Assign && (m.Arg != history.FromBeginning || op.Outcome != history.OK || failed):
			return 0, -1, false
		case m.Func == history.Assign:
			return 0, j, false
		case m.Func == history.Poll && op.Outcome == history.Fail:
			failed = true
		case m.Func == history.Poll && len(h.List(m)) > 0:
			list := h.List(m)
			return int64(list[len(list)-2]), -1, true
		}
	}
	return 0, -1, false
}
