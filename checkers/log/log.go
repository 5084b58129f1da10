// Package log checks logs as Kafka and Redpanda keep them: messages, unique in the
// history, are sent to a log (a partition of a topic) and polled from it with their
// offsets. It knows the anomalies that Jepsen's kafka workload looks for:
//
//   - inconsistent offsets: two messages were seen at one offset of a log;
//   - duplicate message: one message was seen at two offsets of a log;
//   - unexpected message: nobody had sent it when it was polled; aborted read: who had
//     sent it was told that it failed;
//   - lost message: it was acknowledged with its offset, a consumer was given what lies
//     before and then what lies behind it, and nobody ever polled it; in the model "log"
//     a consumer that has sought to the beginning was given what lies before;
//   - non-monotonic poll: a consumer was given offsets that do not go up, within a poll or
//     from one to the next of its session, with no new assignment between;
//   - skipped messages: a consumer jumped in that way over messages that others were given;
//     or one that had sought to the beginning of a log began behind the message with which
//     another, which sought to it afterwards, began;
//   - non-monotonic send: two messages that one session sent to a log one after the other
//     got offsets in the other order.
//
// Offsets may have gaps, since logs hold records that no consumer sees. Exact for these
// definitions, in O(n log n).
//
// Where the database deletes the oldest messages (retention, DeleteRecords), a consumer
// begins behind them, and nothing in a history tells that from their loss. The model
// "log-retention" is for those: it takes no message for lost that lies before the first one
// of a consumer.
package log

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/tally"
	"github.com/lapse-test/lapse/history"
)

// New is a checker of logs that keep all their messages. Evidence.AtRisk counts the messages
// that were polled.
func New() checkers.Checker { return checker(Model) }

// NewRetention is New for logs whose oldest messages the database may delete.
func NewRetention() checkers.Checker { return checker(Retention) }

func checker(model string) checkers.Checker {
	return tally.Checker{
		Of: func() checkers.Model { return checkers.Named(model, Models()) }, Algorithm: "offsets of each message, order of each consumer's polls",
		Thin: "no message was polled", Fits: fits,
		Judge: func(t *tally.Tally, h *history.History) error { return judge(t, h, model == Model) },
	}
}

func fits(h *history.History) error {
	if h.Ambiguous {
		return fmt.Errorf("a message was sent to one log twice, so that polls do not tell which one they saw: messages must be unique")
	}
	if err := tally.Only(h, false, history.Send, history.Poll, history.Assign, history.Subscribe); err != nil {
		return err
	}
	for i := range h.Ops {
		for _, m := range h.Mops(&h.Ops[i]) {
			if m.Func == history.Send || m.Func == history.Poll {
				return nil
			}
		}
	}
	return fmt.Errorf("nothing is sent or polled; this model is about logs")
}

// sighting is a message at an offset, as an operation told it.
type sighting struct {
	offset  int64
	message history.Value
	op      int
	polled  bool
}

// send is a message that somebody tried to send.
type send struct {
	op      int
	outcome history.Outcome
}

// partition is one log.
type partition struct {
	h     *history.History
	key   history.Key
	sends map[history.Value]send
	// seen are the sightings, sorted by offset, message and operation.
	seen []sighting
	// given are those of them whose messages somebody polled, unseen the others.
	given, unseen []sighting
	// polled are the messages that somebody polled, as they were first.
	polled map[history.Value]sighting
	// told are the messages said to be lost.
	told map[history.Value]bool
}

// judge goes through the logs; whole says that they keep their oldest messages.
func judge(t *tally.Tally, h *history.History, whole bool) error {
	logs, err := load(t, h)
	if err != nil {
		return err
	}
	for _, key := range logs.keys {
		p := logs.byKey[key]
		t.Evidence().Keys++
		p.offsets(t)
		p.strangers(t)
		if err := t.Late(); err != nil {
			return err
		}
	}
	begun, err := consumers(t, h, logs)
	if err != nil {
		return err
	}
	for _, key := range logs.keys {
		if whole {
			logs.byKey[key].lostHeads(t, begun[key])
		}
		logs.byKey[key].skippedHeads(t, begun[key])
		if err := t.Late(); err != nil {
			return err
		}
	}
	return nil
}

// logs are all logs of a history.
type logs struct {
	keys  []history.Key
	byKey map[history.Key]*partition
}

func (l *logs) of(h *history.History, k history.Key) *partition {
	p := l.byKey[k]
	if p == nil {
		p = &partition{h: h, key: k, sends: map[history.Value]send{}, polled: map[history.Value]sighting{}, told: map[history.Value]bool{}}
		l.byKey[k] = p
		l.keys = append(l.keys, k)
	}
	return p
}

// load reads the logs. What a failed operation polled is no evidence.
func load(t *tally.Tally, h *history.History) (*logs, error) {
	l := &logs{byKey: map[history.Key]*partition{}}
	for i := range h.Ops {
		if err := t.Tick(); err != nil {
			return l, err
		}
		op := &h.Ops[i]
		mops := h.Mops(op)
		for j := range mops {
			m := &mops[j]
			switch m.Func {
			case history.Send:
				p := l.of(h, m.Key)
				p.sends[m.Arg] = send{i, op.Outcome}
				if op.Outcome != history.OK {
					continue
				}
				t.Evidence().Writes++
				if m.Flags&history.Versioned != 0 {
					p.seen = append(p.seen, sighting{m.Version, m.Arg, i, false})
				}
			case history.Poll:
				if op.Outcome == history.Fail || m.Flags&history.Observed == 0 {
					continue
				}
				t.Evidence().Reads++
				for offset, message := range h.PollPairs(m) {
					p := l.of(h, m.Key)
					p.seen = append(p.seen, sighting{offset, message, i, true})
					if _, known := p.polled[message]; !known {
						p.polled[message] = sighting{offset, message, i, true}
					}
					t.Evidence().AtRisk++
					if t.DuringFaults(i) {
						t.Evidence().DuringFaults++
					}
				}
			}
		}
	}
	slices.Sort(l.keys)
	for _, p := range l.byKey {
		slices.SortFunc(p.seen, func(a, b sighting) int {
			return cmp.Or(cmp.Compare(a.offset, b.offset), cmp.Compare(a.message, b.message), cmp.Compare(a.op, b.op))
		})
		for _, s := range p.seen {
			if _, given := p.polled[s.message]; given {
				p.given = append(p.given, s)
			} else {
				p.unseen = append(p.unseen, s)
			}
		}
	}
	return l, nil
}

// did says who saw what where.
func (p *partition) did(s sighting) string {
	verb := "sent"
	if s.polled {
		verb = "polled"
	}
	return fmt.Sprintf("session %d %s %s at offset %d of %s", p.h.Ops[s.op].Session, verb, p.h.ValueText(s.message), s.offset, p.h.KeyName(p.key))
}

func (p *partition) violate(t *tally.Tally, anomaly, sentence, why string, ops ...int) {
	t.Violate(anomaly, func() checkers.Violation {
		step := checkers.Step{From: ops[0], To: -1, Kind: "fact", Why: why}
		if len(ops) > 1 && ops[1] != ops[0] {
			step.To = ops[1]
		}
		return checkers.Violation{Key: p.h.KeyName(p.key), Session: p.h.Ops[ops[0]].Session, Ops: ops, Sentence: sentence, Steps: []checkers.Step{step}}
	})
}

// offsets finds offsets with two messages and messages with two offsets.
func (p *partition) offsets(t *tally.Tally) {
	for i := 1; i < len(p.seen); i++ {
		a, b := p.seen[i-1], p.seen[i]
		if a.offset == b.offset && a.message != b.message {
			p.violate(t, reordered, p.did(a)+", but "+p.did(b), "an offset holds one message", a.op, b.op)
		}
	}
	first := map[history.Value]sighting{}
	told := map[history.Value]bool{}
	for _, s := range p.seen {
		f, ok := first[s.message]
		switch {
		case !ok:
			first[s.message] = s
		case f.offset != s.offset && !told[s.message]:
			told[s.message] = true
			p.violate(t, duplicate, p.did(f)+", and "+p.did(s)+", though it was sent once", "a message has one offset", f.op, s.op)
		}
	}
}

// strangers finds polled messages that nobody had sent, or that were not sent by the
// answer.
func (p *partition) strangers(t *tally.Tally) {
	told := map[history.Value]bool{}
	for _, s := range p.seen {
		if !s.polled || told[s.message] {
			continue
		}
		w, ok := p.sends[s.message]
		switch {
		case !ok:
			told[s.message] = true
			p.violate(t, unexpected, p.did(s)+", which nobody sent", "no operation sent it", s.op)
		case w.outcome == history.Fail:
			told[s.message] = true
			p.violate(t, abortedRead, p.did(s)+fmt.Sprintf(", though its send by session %d had failed", p.h.Ops[w.op].Session), "it certainly was not sent", s.op, w.op)
		case p.h.Ops[s.op].Complete < p.h.Ops[w.op].Invoke:
			told[s.message] = true
			p.violate(t, unexpected, p.did(s)+", before it was sent", "its send was invoked later", s.op, w.op)
		}
	}
}
