package multileader

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/peer"
	"github.com/lapse-test/lapse/quorumkv/record"
)

const (
	inbox = 4096
	drain = 256 // messages and writes that one turn of the loop takes at most
	batch = 256 // keys in one message
	// batchBytes is how much more than one key is put into one message.
	batchBytes = peer.MaxMessage / 4
	unheard    = 10 // intervals after which changes that were not confirmed are sent again
)

// task is a write on its way through the loop.
type task struct {
	write  *engine.WriteRequest
	update *engine.UpdateRequest
	done   chan done // has room for one
}

type done struct {
	version record.Version
	err     *engine.Error
}

// progress is how far a receiver of changes is.
type progress struct {
	known bool   // whether it has said
	dir   string // in which data directory it has them
	tells string // the directory of which it last sent changes
	since uint64 // answers count to messages of this number or a later one: those before may be from a directory that it has lost
	have  uint64 // up to where it has them
	sent  uint64 // up to where they were sent; above have while an answer is awaited
	waits int    // intervals without an answer
}

// loop owns the replica: all is done in one goroutine.
type loop struct {
	e        *Engine
	out      func(to string, m message) error // queues a message; an error says that it is lost
	r        *replica
	sent     uint64 // the number of the last changes that were sent; it begins anywhere at every start, so that answers to an earlier life are told from those to this one
	to       map[string]*progress
	finished []func() // what to tell when all is durable
	fatal    error
}

func newLoop(e *Engine, r *replica) *loop {
	l := &loop{e: e, out: e.send, r: r, sent: rand.Uint64() >> 1, to: map[string]*progress{}}
	for _, name := range e.others {
		l.to[name] = &progress{}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for key, s := range r.states {
		e.shown[key] = s
	}
	return l
}

// run turns until ctx ends. An error is one of the disk: what was promised can no longer be kept.
func (l *loop) run(ctx context.Context) error {
	tick := time.NewTicker(l.e.opts.ExchangeInterval)
	defer tick.Stop()
	for l.fatal == nil {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			l.exchange()
		case m := <-l.e.messages:
			l.received(m)
		case t := <-l.e.work:
			l.do(t)
		}
		l.drain()
		l.flush()
	}
	return l.fatal
}

// drain takes what else is there, so that one sync serves many.
func (l *loop) drain() {
	for range drain {
		select {
		case m := <-l.e.messages:
			l.received(m)
		case t := <-l.e.work:
			l.do(t)
		default:
			return
		}
	}
}

func (l *loop) do(t *task) {
	var d done
	if t.write != nil {
		d.version, d.err = l.r.put(*t.write)
	} else {
		d.version, d.err = l.r.update(*t.update)
	}
	l.finished = append(l.finished, func() { t.done <- d })
}

// flush makes all durable, shows it to readers and tells those who wait for it.
func (l *loop) flush() {
	keys, err := l.r.flush()
	if err != nil {
		l.fatal = err
		return
	}
	if len(keys) > 0 {
		l.e.mu.Lock()
		for _, key := range keys {
			l.e.shown[key] = l.r.states[key]
		}
		l.e.mu.Unlock()
	}
	for _, f := range l.finished {
		f()
	}
	l.finished = l.finished[:0]
}

// exchange sends to all receivers what they do not have yet. It is called between flushes: what is not durable is not sent.
func (l *loop) exchange() {
	for _, name := range l.e.others {
		p := l.to[name]
		if p.sent > p.have || !p.known {
			if p.waits++; p.waits < unheard && p.known {
				continue
			}
			p.sent = p.have
		}
		l.ship(name, p)
	}
}

func (l *loop) ship(name string, p *progress) {
	m := message{What: whatChanges, Incarnation: l.r.incarnation, After: l.r.seq, Upto: l.r.seq}
	if p.known {
		if p.have >= l.r.seq {
			return
		}
		m.After, m.Receiver = p.have, p.dir
		m.Items, m.Upto = l.r.changes(p.have, batch, replicaID(name, p.dir))
	}
	p.waits = 0
	l.sent++
	m.ID = l.sent
	if l.out(name, m) != nil {
		return // lost: asked for again, when there is a connection
	}
	if p.known {
		p.sent = m.Upto
		if l.r.defects.Has(defect.TrustDelivery) {
			p.have = m.Upto
		}
	}
}

func (l *loop) received(m message) {
	switch m.What {
	case whatChanges:
		if p := l.to[m.from]; p != nil && p.tells != m.Incarnation {
			p.tells, p.since = m.Incarnation, l.sent+1
			p.known = p.known && p.dir == m.Incarnation // else it has another disk than it said, and none of what it had on that
		}
		upto := l.r.merge(m)
		l.finished = append(l.finished, func() {
			_ = l.out(m.from, message{What: whatHave, ID: m.ID, Incarnation: m.Incarnation, Receiver: l.r.incarnation, Upto: upto}) // lost is as good as late
		})
	case whatHave:
		l.confirmed(m)
	default: // requests and replies do not come here
	}
}

// confirmed notes where a receiver is: further, or not as far as was thought, when something was lost on the way or its disk was.
func (l *loop) confirmed(m message) {
	p, ok := l.to[m.from]
	if !ok || m.Incarnation != l.r.incarnation || m.ID < p.since || m.ID > l.sent {
		return
	}
	if p.known && l.r.defects.Has(defect.TrustDelivery) {
		return
	}
	more := p.known && m.Upto == p.sent && p.sent > p.have
	p.known, p.dir, p.have, p.sent, p.waits = true, m.Receiver, m.Upto, m.Upto, 0
	if more {
		l.finished = append(l.finished, func() {
			if p.have < l.r.seq && len(l.r.order) > batch { // the batch was full
				l.ship(m.from, p)
			}
		})
	}
}
