package log

import (
	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/history"
)

// refuted reads the anomaly off the operations of the witness, with scans of the history
// for what only the whole of it can say.
func refuted(p *refute.Proof) bool {
	type seen struct {
		op      int
		offset  int64
		message history.Value
		polled  bool
	}
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
	// given are two messages that one consumer was given, nothing of the log and no
	// assignment between.
	given := func(a, b seen) bool {
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
				if n < m && a.op <= b.op && b.offset <= a.offset && given(a, b) {
					return true
				}
			case sendBackwards:
				if !a.polled && !b.polled && n < m && p.Op(a.op).Session == p.Op(b.op).Session && a.offset >= b.offset &&
					(a.op == b.op || p.Op(a.op).Complete < p.Op(b.op).Invoke) {
					return true
				}
			case lostMessage, skipped:
				if n >= m || !given(a, b) {
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
