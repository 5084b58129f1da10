package log

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/checkers/internal/tally"
	"github.com/lapse-test/lapse/history"
)

// start is a consumer that sought to the beginning of a log, and the first message that it
// was given there.
type start struct {
	seek  int // the operation that sought
	first sighting
}

// soughts are the sessions that have sought to the beginning of logs and were given nothing
// of them yet, with the operation that sought. They stand by session, so that an operation
// costs no more than its own logs.
type soughts map[int32]map[history.Key]int

// follow takes note of operation i. Only an assignment that was acknowledged moves a
// consumer; after a poll or an assignment that was not, or what had no answer, it may stand
// anywhere.
func (s soughts) follow(h *history.History, i int) {
	op := &h.Ops[i]
	if op.Outcome != history.OK {
		if op.Outcome == history.Info || slices.ContainsFunc(h.Mops(op), func(m history.Mop) bool { return m.Func != history.Send }) {
			delete(s, op.Session)
		}
		return
	}
	for _, seek := range s[op.Session] {
		if h.Ops[seek].Process != op.Process {
			delete(s, op.Session)
		}
		break // all are of one operation
	}
	fresh := true
	for _, m := range h.Mops(op) {
		if m.Func != history.Assign && m.Func != history.Subscribe {
			continue
		}
		if fresh {
			fresh = false
			delete(s, op.Session) // it is the whole assignment
		}
		if m.Func == history.Assign && m.Arg == history.FromBeginning {
			if s[op.Session] == nil {
				s[op.Session] = map[history.Key]int{}
			}
			s[op.Session][m.Key] = i
		}
	}
}

// take is the operation that sought to the beginning of a log of which its session was
// given nothing since; ok is false if there is none.
func (s soughts) take(at place) (seek int, ok bool) {
	seek, ok = s[at.session][at.key]
	if ok {
		delete(s[at.session], at.key)
	}
	return seek, ok
}

// lostHeads finds acknowledged messages that nobody ever polled and behind which a consumer
// began that had sought to the beginning.
func (p *partition) lostHeads(t *tally.Tally, starts []start) {
	if len(starts) == 0 {
		return
	}
	last := slices.MaxFunc(starts, func(a, b start) int { return cmp.Compare(a.first.offset, b.first.offset) })
	for _, s := range p.unseen {
		if s.offset >= last.first.offset {
			return
		}
		if p.told[s.message] {
			continue
		}
		p.told[s.message] = true
		p.violate(t, lostMessage, fmt.Sprintf("%s, which was acknowledged, but nobody ever polled it: %s", p.did(s), p.began(last)),
			"a consumer that has sought to the beginning is given everything from there on", s.op, last.first.op, last.seek)
	}
}

// skippedHeads finds consumers that had sought to the beginning and began behind the message
// with which another began that sought to it afterwards: what was there then was there
// before, whatever was deleted meanwhile.
func (p *partition) skippedHeads(t *tally.Tally, starts []start) {
	// Later seeks first, so that lowest is the lowest first offset of all later ones.
	byEnd := slices.Clone(starts)
	bySeek := slices.Clone(starts)
	complete := func(s start) history.Time { return p.h.Ops[s.first.op].Complete }
	invoke := func(s start) history.Time { return p.h.Ops[s.seek].Invoke }
	slices.SortStableFunc(byEnd, func(a, b start) int { return cmp.Compare(complete(b), complete(a)) })
	slices.SortStableFunc(bySeek, func(a, b start) int { return cmp.Compare(invoke(b), invoke(a)) })
	var lowest start
	next := 0
	for _, s := range byEnd {
		for ; next < len(bySeek) && invoke(bySeek[next]) > complete(s); next++ {
			if next == 0 || bySeek[next].first.offset < lowest.first.offset {
				lowest = bySeek[next]
			}
		}
		if next > 0 && lowest.first.offset < s.first.offset {
			p.violate(t, skipped, fmt.Sprintf("%s; %s", p.began(s), p.began(lowest)),
				"what is at the beginning later was there before", s.first.op, lowest.first.op, s.seek, lowest.seek)
		}
	}
}

// began says where a consumer began.
func (p *partition) began(s start) string {
	return fmt.Sprintf("session %d sought to the beginning of %s and was first given %s at offset %d",
		p.h.Ops[s.seek].Session, p.h.KeyName(p.key), p.h.ValueText(s.first.message), s.first.offset)
}
