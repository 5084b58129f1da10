package log

import (
	"fmt"
	"sort"

	"github.com/lapse-test/lapse/checkers/internal/tally"
	"github.com/lapse-test/lapse/history"
)

// place is a session's position in a log.
type place struct {
	session int32
	key     history.Key
}

// position is the last message that a session was given, or sent, there.
type position struct {
	sighting
	process int32
}

// consumers follows each session through its logs: what it is given goes up and leaves
// out nothing that others were given, until it is assigned anew. A consumer that got no
// answer is another one afterwards. What it returns are the consumers that sought to the
// beginning of a log and were given something of it.
func consumers(t *tally.Tally, h *history.History, l *logs) (map[history.Key][]start, error) {
	polls, sends := map[place]position{}, map[place]position{}
	sought, begun := soughts{}, map[history.Key][]start{}
	shared := map[int32]bool{} // sessions whose logs the database may take away at any time
	for i := range h.Ops {
		if err := t.Tick(); err != nil {
			return nil, err
		}
		op := &h.Ops[i]
		sought.follow(h, i)
		mops := h.Mops(op)
		for j := range mops {
			m := &mops[j]
			at := place{op.Session, m.Key}
			switch m.Func {
			case history.Assign, history.Subscribe:
				// Whatever became of it, the next poll may be from anywhere.
				for p := range polls {
					if p.session == op.Session {
						delete(polls, p)
					}
				}
				shared[op.Session] = m.Func == history.Subscribe
			case history.Poll:
				if op.Outcome != history.OK || m.Flags&history.Observed == 0 {
					if op.Outcome == history.Info {
						shared[op.Session] = false
						for p := range polls {
							if p.session == op.Session {
								delete(polls, p)
							}
						}
					}
					continue
				}
				part := l.of(h, m.Key)
				for offset, message := range h.PollPairs(m) {
					now := sighting{offset, message, i, true}
					if seek, ok := sought.take(at); ok {
						begun[m.Key] = append(begun[m.Key], start{seek, now})
					}
					before, known := polls[at]
					within := known && before.op == i
					// Between polls, a subscriber's log may go to another one and come back.
					if known && (within || before.process == op.Process && !shared[op.Session]) {
						part.follow(t, before.sighting, now)
					}
					polls[at] = position{now, op.Process}
				}
			case history.Send:
				if op.Outcome != history.OK || m.Flags&history.Versioned == 0 {
					continue
				}
				part := l.of(h, m.Key)
				now := sighting{m.Version, m.Arg, i, false}
				if before, known := sends[at]; known && before.offset >= now.offset && before.message != now.message &&
					(before.op == i || h.Ops[before.op].Complete < op.Invoke) {
					part.violate(t, sendBackwards, part.did(before.sighting)+", and then "+part.did(now), "what is sent later comes later", before.op, i)
				}
				sends[at] = position{now, op.Process}
			}
		}
	}
	return begun, nil
}

// follow judges two messages that a consumer was given one after the other.
func (p *partition) follow(t *tally.Tally, before, now sighting) {
	if now.offset <= before.offset {
		p.violate(t, backwards, p.did(before)+", and then "+p.did(now), "a consumer is given what follows", before.op, now.op)
		return
	}
	if i := after(p.given, before.offset); i < len(p.given) && p.given[i].offset < now.offset {
		s := p.given[i]
		given := p.polled[s.message]
		why, ops := p.did(s), []int{before.op, now.op, s.op}
		if !s.polled { // its offset is known from elsewhere
			why, ops = why+", and "+p.did(given), append(ops, given.op)
		}
		p.violate(t, skipped, fmt.Sprintf("%s, and then %s, without %s: %s", p.did(before), p.did(now), p.h.ValueText(s.message), why),
			"a consumer is given everything in between", ops...)
	}
	for i := after(p.unseen, before.offset); i < len(p.unseen) && p.unseen[i].offset < now.offset; i++ {
		s := p.unseen[i]
		if !p.told[s.message] {
			p.told[s.message] = true
			p.violate(t, lostMessage, fmt.Sprintf("%s, which was acknowledged, but nobody ever polled it: %s, and then %s", p.did(s), p.did(before), p.did(now)),
				"a consumer is given everything in between", s.op, before.op, now.op)
		}
	}
}

// after is the place of the first sighting behind offset.
func after(seen []sighting, offset int64) int {
	return sort.Search(len(seen), func(i int) bool { return seen[i].offset > offset })
}
