package consensus

import (
	"fmt"
	"sync"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/record"
)

// proposal is a write that waits for its place in the log. It is proposed again until it has one or nobody waits for it
// any more; its command's name keeps it from being applied twice.
type proposal struct {
	id      string
	command []byte

	mu       sync.Mutex
	proposed bool // it was given to the library: it may be in the log for ever
	gone     bool // nobody waits any more: it must not be proposed
	result   chan outcome

	last time.Time // of the loop: when it was proposed last
}

// abandon is called when nobody waits any more. It reports whether the write may yet be applied.
func (p *proposal) abandon() (perhaps bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
	return p.proposed
}

// take reports whether the write may be proposed, which from then on it counts as.
func (p *proposal) take() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.proposed = p.proposed || !p.gone
	return !p.gone
}

// untake takes back that it was proposed, when it was the first time and the library refused.
func (p *proposal) untake(was bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.proposed = was
}

func (p *proposal) state() (proposed, gone bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.proposed, p.gone
}

// writes are the proposals that wait, by their commands' names: of one name there can be several, from a client that
// retries before it has an answer.
type writes struct {
	waiting map[string][]*proposal
	offered []offered
}

func newWrites() writes { return writes{waiting: map[string][]*proposal{}} }

// finish answers all that wait for a name.
func (w *writes) finish(id string, out outcome) {
	for _, p := range w.waiting[id] {
		p.result <- out
	}
	delete(w.waiting, id)
}

func (l *loop) propose(p *proposal) {
	l.writes.waiting[p.id] = append(l.writes.waiting[p.id], p)
	l.offer(p)
}

// offer has a proposal given to the library with the next ones, if there is a leader to take it.
func (l *loop) offer(p *proposal) {
	was, _ := p.state()
	if l.status.Leader == "" || !p.take() {
		return
	}
	p.last = time.Now()
	l.writes.offered = append(l.writes.offered, offered{p, was})
}

// maxOffer is how many bytes of proposals are given to the library at once: they go to the leader, and from it to the others, in one message.
const maxOffer = 256 << 10

// offered is a proposal that is about to be given to the library, and whether it was before.
type offered struct {
	*proposal
	was bool
}

// giveOffered gives the library what was offered, many at a time: each time it sends messages to all.
func (l *loop) giveOffered() {
	for rest := l.writes.offered; len(rest) > 0; {
		n, size := 0, 0
		for n < len(rest) && (n == 0 || size+len(rest[n].command) <= maxOffer) {
			size += len(rest[n].command)
			n++
		}
		entries := make([]*raftpb.Entry, n)
		for i, o := range rest[:n] {
			entries[i] = &raftpb.Entry{Data: o.command}
		}
		if err := l.raw.Step(&raftpb.Message{Type: raftpb.MessageType_MsgProp.Enum(), From: new(l.e.self.ID), Entries: entries}); err != nil {
			for _, o := range rest[:n] {
				o.untake(o.was) // dropped before it went anywhere
			}
		}
		rest = rest[n:]
	}
	clear(l.writes.offered)
	l.writes.offered = l.writes.offered[:0]
}

// repropose offers again what may have been lost: all at a change of leaders, else what has waited for long.
func (l *loop) repropose(all bool) {
	patience := l.e.election() / 2
	if l.has(defect.RetryAppliesTwice) {
		patience = 0
	}
	for id, ps := range l.writes.waiting {
		left := ps[:0]
		for _, p := range ps {
			if _, gone := p.state(); gone {
				continue
			}
			left = append(left, p)
			if all || time.Since(p.last) > patience {
				l.offer(p)
			}
		}
		if len(left) == 0 {
			delete(l.writes.waiting, id)
			continue
		}
		l.writes.waiting[id] = left
	}
}

// known answers those whose write came with a snapshot.
func (l *loop) known() {
	for id := range l.writes.waiting {
		if r, ok := l.machine.requests.get(id); ok {
			l.writes.finish(id, r.outcome)
		}
	}
}

// ackAppended is the defect ack-before-commit: the leader answers when its own disk has the entry.
func (l *loop) ackAppended(entries []*raftpb.Entry) {
	for _, e := range entries {
		if c, err := parseCommand(e.GetData()); err == nil {
			v := record.Version{Time: hlc.Timestamp(e.GetIndex()), Node: c.Node}
			l.writes.finish(c.ID, outcome{Index: e.GetIndex(), Version: v})
		}
	}
}

// failure is the error of a write whose outcome is not that it was done; nil if it was.
func (o outcome) failure() *engine.Error {
	switch {
	case o.Other:
		return &engine.Error{Code: engine.CodeConflict, Outcome: engine.NotWritten, Message: "the name of this request is that of another write; give each write its own"}
	case o.Expired:
		return &engine.Error{Code: engine.CodeTimeout, Outcome: engine.PerhapsWritten, Message: "the write reached the log so late that it cannot be told from a duplicate; it was not applied then"}
	case o.Conflict && o.Version.IsZero():
		return &engine.Error{Code: engine.CodeConflict, Outcome: engine.NotWritten, Message: "the key is absent"}
	case o.Conflict:
		return &engine.Error{Code: engine.CodeConflict, Outcome: engine.NotWritten, Message: fmt.Sprintf("the key has version %d", o.Version.Time)}
	}
	return nil
}
