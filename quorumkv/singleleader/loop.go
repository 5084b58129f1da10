package singleleader

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	ticks = 10 // of an election timeout: a leader is heard of in each
	inbox = 4096
	drain = 256 // messages and writes that one turn of the loop takes at most
)

// status is what the loop tells everybody else of itself.
type status struct {
	Epoch    uint64
	Leader   string // empty when none is known
	Leading  bool
	Ready    bool // it leads, and all that earlier leaders acknowledged counts here
	Last     uint64
	Applied  uint64
	Told     uint64    // up to where entries counted at its leader, when that last told it
	CaughtUp time.Time // the latest moment of which a follower knows that it has all that was acknowledged before
	LedAsOf  time.Time // the latest moment of which a leader knows that it was not deposed, see surelyLedAsOf
}

// loop owns the log and the records: all is done in one goroutine.
type loop struct {
	e         *Engine
	out       func(to string, m message) error // queues a message; an error says that it is lost
	log       *journal
	view      view // the latest that this node knows of
	leading   bool
	mark      uint64 // while leading: the entry with which that began; 0 when there is none
	applied   uint64
	followers map[string]*progress
	waiting   []*write      // those that have a place in the log, or depend on one
	heard     time.Time     // of the leader
	sought    time.Time     // when the last search for one ended
	patience  time.Duration // after which without a word a leader is looked for
	caughtUp  time.Time
	born      time.Time // when this loop was made, and what its stamps count from there
	birth     uint64
	told      uint64
	electing  bool
	fatal     error
}

func newLoop(e *Engine, j *journal) *loop {
	l := &loop{e: e, out: e.send, log: j, followers: map[string]*progress{}, heard: e.now(), born: e.now(), birth: rand.Uint64()}
	l.applied = j.commit
	e.records.rebuild(j.entries[:j.commit])
	l.drawPatience()
	return l
}

// drawPatience is from an election timeout to half as long again. Who searches first matters little, for the view service decides between those who
// search at once: followers need not be as far apart in time as candidates for votes, of which each may cost the other a term.
func (l *loop) drawPatience() {
	t := l.e.opts.ElectionTimeout
	l.patience = t + rand.N(t)/2
}

// run turns until ctx ends. An error is one of the disk: what was promised can no longer be kept.
func (l *loop) run(ctx context.Context) error {
	tick := time.NewTicker(l.e.opts.ElectionTimeout / ticks)
	defer tick.Stop()
	if !l.e.opts.Failover {
		l.adopt(view{Epoch: 1, Leader: l.e.names[0]})
	}
	l.publish()
	for l.fatal == nil {
		select {
		case <-ctx.Done():
			l.stepDown("this node is stopping")
			return nil
		case <-tick.C:
			l.ticked()
		case m := <-l.e.messages:
			l.received(m)
		case w := <-l.e.writes:
			l.propose(w)
		case <-l.e.elected:
			l.searched()
		}
		l.drain()
		l.flush()
		l.publish()
	}
	l.stepDown("the disk failed")
	l.publish()
	return l.fatal
}

// searched notes that a search for a leader has ended. If nothing came of it, because the view service had no leader yet, it is tried
// again soon. The leader was not heard: a node that only searches must not tell others that it has one.
func (l *loop) searched() {
	l.electing = false
	l.sought, l.patience = l.e.now(), (l.e.opts.ElectionTimeout+rand.N(l.e.opts.ElectionTimeout))/8
}

// drain takes what else is there, so that one sync serves many.
func (l *loop) drain() {
	for range drain {
		select {
		case m := <-l.e.messages:
			l.received(m)
		case w := <-l.e.writes:
			l.propose(w)
		default:
			return
		}
	}
}

// check keeps the first error of the disk, which ends the loop.
func (l *loop) check(err error) {
	if l.fatal == nil {
		l.fatal = err
	}
}

func (l *loop) ticked() {
	if l.e.views != nil {
		v, err := l.e.views.known()
		if err != nil {
			l.e.node.Logger.Warn("the view cannot be read", "error", err)
		} else if v.Epoch > l.view.Epoch {
			l.adopt(v)
		}
	}
	if l.leading {
		l.lead()
		return
	}
	if l.e.views != nil && !l.electing && min(l.e.since(l.heard), l.e.since(l.sought)) > l.patience {
		l.electing = true
		epoch := l.view.Epoch
		l.e.Background.Go(func() { l.e.elect(epoch) })
	}
}

// adopt takes a newer view.
func (l *loop) adopt(v view) {
	l.stepDown(fmt.Sprintf("%s leads in epoch %d", v.Leader, v.Epoch))
	l.view, l.heard = v, l.e.now()
	l.drawPatience()
	l.e.node.Logger.Info("leader", "node", v.Leader, "epoch", v.Epoch)
	if v.Leader == l.e.node.Name {
		l.begin()
	}
}

func (l *loop) received(m message) {
	switch m.Kind {
	case kindAppend:
		if answer := l.append(m); l.fatal == nil {
			l.send(m.from, answer)
		}
	case kindAppended:
		l.appended(m)
	case kindAsk:
		l.e.answer(m.from, l.asked(m))
	default: // requests and answers do not come here
	}
}

// publish tells everybody else where this node is.
func (l *loop) publish() {
	s := status{Epoch: l.view.Epoch, Leader: l.view.Leader, Leading: l.leading, Ready: l.leading && l.applied >= l.mark,
		Last: l.log.last(), Applied: l.applied, Told: l.told, CaughtUp: l.caughtUp}
	if s.Leader == l.e.node.Name && !l.leading {
		s.Leader = ""
	}
	if s.Leading {
		s.LedAsOf = l.surelyLedAsOf()
	}
	l.e.status.Store(&s)
}

// advance makes entries up to index count.
func (l *loop) advance(index uint64) {
	if index <= l.applied {
		return
	}
	l.e.records.apply(l.applied, l.log.entries[l.applied:index])
	l.applied = index
	l.check(l.log.committed(index))
}

// truncate forgets the log from index on.
func (l *loop) truncate(from uint64) {
	if from <= l.applied {
		lost := l.applied - from + 1
		l.e.lost.Add(int64(lost))
		l.e.node.Logger.Warn("entries that counted here are not in the new leader's log and are dropped", "from", from, "entries", lost)
		l.applied = from - 1
		l.e.records.rebuild(l.log.entries[:l.applied])
		l.check(l.log.committed(l.applied))
	}
	l.log.cut(from)
}
