package log

import (
	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/history"
)

// seen is a message of the witness' log with its offset, sent or polled by an operation of the witness.
type seen struct {
	op      int
	offset  int64
	message history.Value
	polled  bool
}

// messages are all that the operations of the witness have seen, in their order.
func messages(p *refute.Proof) []seen {
	var all []seen
	for _, i := range p.V.Ops {
		mops := p.H.Mops(p.Op(i))
		for j := range mops {
			m := &mops[j]
			if p.H.KeyName(m.Key) != p.V.Key {
				continue
			}
			if m.Func == history.Send && m.Flags&history.Versioned != 0 && p.Op(i).Outcome == history.OK {
				all = append(all, seen{i, m.Version, m.Arg, false})
			}
			if m.Func == history.Poll && refute.Observed(p.Op(i), m) {
				for offset, message := range p.H.PollPairs(m) {
					all = append(all, seen{i, offset, message, true})
				}
			}
		}
	}
	return all
}

// given says whether a and b are two messages that one consumer was given, nothing of the log and no
// assignment between.
func given(p *refute.Proof, a, b seen) bool {
	if !a.polled || !b.polled || p.Op(a.op).Session != p.Op(b.op).Session {
		return false
	}
	for i := a.op; i <= b.op; i++ {
		if p.Op(i).Session != p.Op(a.op).Session {
			continue
		}
		mops := p.H.Mops(p.Op(i))
		for j := range mops {
			m := &mops[j]
			if a.op != b.op && i > a.op && (m.Func == history.Assign || m.Func == history.Subscribe) {
				return false
			}
			if i != a.op && i != b.op && m.Func == history.Poll && p.H.KeyName(m.Key) == p.V.Key && refute.Observed(p.Op(i), m) && len(p.H.List(m)) > 0 {
				return false
			}
		}
	}
	return true
}

// refuted reads the anomaly off the operations of the witness, with scans of the history
// for what only the whole of it can say.
func refuted(p *refute.Proof) bool {
	all := messages(p)
	if p.V.Anomaly == skipped && headSkipped(p) {
		return true
	}
	for n, a := range all {
		sent, failed := sends(p, a.message, p.Op(a.op).Complete)
		if a.polled && !sent && (p.V.Anomaly == unexpected && !failed || p.V.Anomaly == abortedRead && failed) {
			return true
		}
		for m, b := range all {
			switch p.V.Anomaly {
			case reordered:
				if a.offset == b.offset && a.message != b.message {
					return true
				}
			case duplicate:
				if a.message == b.message && a.offset != b.offset {
					return true
				}
			case backwards:
				if n < m && a.op <= b.op && b.offset <= a.offset && given(p, a, b) {
					return true
				}
			case sendBackwards:
				if !a.polled && !b.polled && n < m && p.Op(a.op).Session == p.Op(b.op).Session && a.offset >= b.offset &&
					(a.op == b.op || p.Op(a.op).Complete < p.Op(b.op).Invoke) {
					return true
				}
			case lostMessage, skipped:
				if n >= m || !given(p, a, b) {
					continue
				}
				for k, c := range all {
					between := a.offset < c.offset && c.offset < b.offset
					// Whatever else those two polls held is not between.
					inside := c.polled && (c.op == a.op && k > n || c.op == b.op && k < m)
					if between && !inside && polled(p, c.message) == (p.V.Anomaly == skipped) {
						return true
					}
				}
			}
		}
	}
	return false
}

// sends tells whether somebody may have sent v to the log by then, and whether somebody
// failed to.
func sends(p *refute.Proof, v history.Value, by history.Time) (sent, failed bool) {
	for i := range p.H.Ops {
		for _, m := range p.H.Mops(p.Op(i)) {
			if m.Func == history.Send && m.Arg == v && p.H.KeyName(m.Key) == p.V.Key {
				failed = failed || p.Op(i).Outcome == history.Fail
				sent = sent || p.Op(i).Outcome != history.Fail && p.Op(i).Invoke <= by
			}
		}
	}
	return sent, failed
}

// polled tells whether anybody polled v from the log.
func polled(p *refute.Proof, v history.Value) bool {
	for i := range p.H.Ops {
		mops := p.H.Mops(p.Op(i))
		for j := range mops {
			if m := &mops[j]; m.Func == history.Poll && refute.Observed(p.Op(i), m) && p.H.KeyName(m.Key) == p.V.Key {
				for _, message := range p.H.PollPairs(m) {
					if message == v {
						return true
					}
				}
			}
		}
	}
	return false
}

// beginning is a consumer of the witness that sought to the beginning of the log, and the
// first message that it was given there.
type beginning struct {
	seek, poll int // operations
	offset     int64
}

// beginnings follows each of them from its assignment on.
func beginnings(p *refute.Proof) []beginning {
	var out []beginning
	for _, i := range p.V.Ops {
		sought := false
	follow:
		for o := i; o < len(p.H.Ops); o++ {
			op := p.Op(o)
			if op.Session != p.Op(i).Session {
				continue
			}
			if op.Process != p.Op(i).Process || op.Outcome == history.Info {
				break
			}
			mops := p.H.Mops(op)
			for j := range mops {
				m := &mops[j]
				if m.Func != history.Send && op.Outcome == history.Fail {
					break follow
				}
				if m.Func == history.Subscribe || m.Func == history.Assign && o > i {
					break follow
				}
				here := p.H.KeyName(m.Key) == p.V.Key
				sought = sought || here && m.Func == history.Assign && m.Arg == history.FromBeginning
				if sought && here && m.Func == history.Poll && refute.Observed(op, m) {
					for offset := range p.H.PollPairs(m) {
						if p.InWitness(o) {
							out = append(out, beginning{i, o, offset})
						}
						break follow
					}
				}
			}
			if !sought {
				break
			}
		}
	}
	return out
}

// headLost tells whether one of them began behind a message of the witness that was
// acknowledged and that nobody ever polled.
func headLost(p *refute.Proof) bool {
	if p.V.Anomaly != lostMessage {
		return false
	}
	for _, b := range beginnings(p) {
		for _, i := range p.V.Ops {
			mops := p.H.Mops(p.Op(i))
			for j := range mops {
				m := &mops[j]
				if m.Func == history.Send && m.Flags&history.Versioned != 0 && p.Op(i).Outcome == history.OK &&
					p.H.KeyName(m.Key) == p.V.Key && m.Version < b.offset && !polled(p, m.Arg) {
					return true
				}
			}
		}
	}
	return false
}

// headSkipped tells whether one of them began behind where another began that sought to the
// beginning afterwards.
func headSkipped(p *refute.Proof) bool {
	all := beginnings(p)
	for _, a := range all {
		for _, b := range all {
			if b.offset < a.offset && p.Op(b.seek).Invoke > p.Op(a.poll).Complete {
				return true
			}
		}
	}
	return false
}
