package singleleader

import (
	"fmt"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/record"
)

const (
	// maxBatch bounds the bytes of keys and values in one message, but for one entry that is larger.
	maxBatch = 256 << 10
	// maxAhead bounds how many entries a follower is sent before it has confirmed the first of them.
	maxAhead = 16 << 10
	// degradeAfter is the part of an election timeout after which the defect semi-sync-degrades gives followers up.
	degradeAfter = 8
)

// progress is what a leader knows of a follower.
type progress struct {
	match uint64 // it durably has the leader's log up to here
	next  uint64 // what it is sent next
	heard time.Time
	sent  time.Time // when entries were last sent
	vouching
}

// write is a client's write on its way through the leader.
type write struct {
	req   engine.WriteRequest
	need  need
	index uint64        // its place; that of the write on which its condition fails
	fails *engine.Error // its condition does not hold
	since time.Time
	done  chan written // has room for one
}

// written is what became of a write.
type written struct {
	res engine.WriteResult
	err *engine.Error
}

// begin starts to lead, unless this node led in this epoch before it was restarted, or took part in the search for a later leader.
func (l *loop) begin() {
	if l.e.opts.Failover && (l.view.Epoch <= l.log.led || l.view.Epoch < l.log.promise) {
		return
	}
	l.check(l.log.enter(l.view.Epoch))
	l.check(l.log.lead(l.view.Epoch))
	l.leading, l.mark = true, 0
	for _, name := range l.e.names {
		if name != l.e.node.Name {
			l.followers[name] = &progress{next: l.log.last() + 1, heard: l.e.now()}
		}
	}
	if !l.e.opts.Failover {
		l.advance(l.log.last()) // nobody else can ever lead: what is in this log stays
		return
	}
	l.log.add(entry{Epoch: l.view.Epoch, Need: needMajority, Mark: true, Leader: l.e.node.Name})
	l.mark = l.log.last()
}

// stepDown ends leading. What waits may be in other logs, or in that of the next leader.
func (l *loop) stepDown(why string) {
	if !l.leading {
		return
	}
	l.check(l.log.flush())
	l.leading = false
	l.heard = l.e.now()
	l.drawPatience()
	l.publish()
	l.e.node.Logger.Info("no longer leading", "epoch", l.view.Epoch, "because", why)
	for _, w := range l.waiting {
		err := &engine.Error{Code: engine.CodeUnavailable, Outcome: engine.PerhapsWritten,
			Message: "the leader stopped to lead before enough nodes had the write: " + why}
		if w.fails != nil {
			err.Outcome = engine.NotWritten
		}
		w.done <- written{err: err}
	}
	l.waiting = nil
}

// heardOf is how many nodes, with this one, were heard of within an election timeout.
func (l *loop) heardOf() int {
	n := 1
	for _, f := range l.followers {
		if l.e.since(f.heard) < l.e.opts.ElectionTimeout {
			n++
		}
	}
	return n
}

// lead is what a leader does at each tick: it lets itself be heard of, sends again what was not confirmed, and with fencing stops
// when it has lost its majority.
func (l *loop) lead() {
	if l.e.opts.Failover && l.e.opts.Fencing && l.heardOf() < l.e.majority() && !l.has(defect.ReadUnconfirmed) {
		l.stepDown("no majority was heard of for an election timeout")
		return
	}
	for name, f := range l.followers {
		if f.match < l.log.synced && l.e.since(f.sent) > l.e.opts.ElectionTimeout/4 {
			f.next = f.match + 1
		}
		l.ship(name, f, true)
	}
	if l.has(defect.SemiSyncDegrades) {
		l.settle()
	}
}

// ship sends a follower what is durable here and was not sent yet; even nothing when it is to hear of the leader.
func (l *loop) ship(name string, f *progress, heartbeat bool) {
	f.vouch(l.surelyLedAsOf())
	for ; heartbeat || f.next <= l.log.synced && f.next <= f.match+maxAhead; heartbeat = false {
		m := message{Kind: kindAppend, Epoch: l.view.Epoch, Index: f.next - 1, At: l.log.epochAt(f.next - 1), Commit: l.applied, Stamp: l.stamp(), Echo: f.vouched}
		for size := 0; f.next <= l.log.synced && size < maxBatch; f.next++ {
			e := l.log.at(f.next)
			size += len(e.Key) + len(e.Value)
			m.Entries = append(m.Entries, e)
		}
		if len(m.Entries) > 0 {
			f.sent = l.e.now()
		}
		if l.out(name, m) != nil {
			f.next = f.match + 1
			return
		}
	}
}

// flush makes what was proposed durable, and sends it to the followers.
func (l *loop) flush() {
	if l.log.synced == l.log.last() {
		return
	}
	l.check(l.log.flush())
	if l.fatal != nil || !l.leading {
		return
	}
	for name, f := range l.followers {
		l.ship(name, f, false)
	}
	l.settle()
}

// appended takes a follower's answer.
func (l *loop) appended(m message) {
	f, ok := l.followers[m.from]
	if !ok || !l.leading {
		return
	}
	if !m.OK && m.At > l.view.Epoch {
		l.stepDown(fmt.Sprintf("%s is in epoch %d", m.from, m.At))
		return
	}
	if m.Epoch != l.view.Epoch || m.Index > l.log.synced {
		return
	}
	f.heard = l.e.now()
	f.noted(m.Stamp, f.heard)
	if at, ok := l.timeOf(m.Echo); ok && at.After(f.asOf) {
		f.asOf = at
	}
	if !m.OK {
		f.match, f.next = min(f.match, m.Index), m.Index+1
		l.ship(m.from, f, true)
		return
	}
	f.match = max(f.match, m.Index)
	f.next = max(f.next, f.match+1)
	l.settle()
	l.ship(m.from, f, false)
}

// holders are the nodes that durably have this log up to index.
func (l *loop) holders(index uint64) []string {
	var names []string
	for _, name := range l.e.names {
		f, follows := l.followers[name]
		if follows && f.match >= index || name == l.e.node.Name && l.log.synced >= index {
			names = append(names, name)
		}
	}
	return names
}

// settle makes those entries count that enough nodes have: in their order, and none of earlier leaders before the mark of this one.
func (l *loop) settle() {
	to := l.applied
	if l.mark > to {
		if len(l.holders(l.mark)) < l.e.nodesFor(needMajority) {
			return
		}
		to = l.mark
	}
	for to < l.log.synced && (len(l.holders(to+1)) >= l.e.nodesFor(l.log.at(to+1).Need) || l.degraded(to+1)) {
		to++
	}
	l.advance(to)
	left := l.waiting[:0]
	for _, w := range l.waiting {
		if w.index > l.applied {
			left = append(left, w)
			continue
		}
		l.finish(w)
	}
	clear(l.waiting[len(left):])
	l.waiting = left
}

// degraded is the defect semi-sync-degrades: no follower is waited for any longer.
func (l *loop) degraded(index uint64) bool {
	if !l.has(defect.SemiSyncDegrades) || l.log.at(index).Need != needAnyFollower {
		return false
	}
	for _, w := range l.waiting {
		if w.index == index {
			return l.e.since(w.since) > l.e.opts.ElectionTimeout/degradeAfter
		}
	}
	return false
}

func (l *loop) finish(w *write) {
	if w.fails != nil {
		w.done <- written{err: w.fails}
		return
	}
	w.done <- written{res: engine.WriteResult{Version: l.log.at(w.index).version(w.index), W: l.e.nodesFor(w.need), Acked: l.holders(w.index)}}
}

// propose gives a write its place in the log.
func (l *loop) propose(w *write) {
	if !l.leading {
		w.done <- written{err: &engine.Error{Code: engine.CodeUnavailable, Outcome: engine.NotWritten, Message: "this node does not lead"}}
		return
	}
	if index, had := l.log.named[w.req.Request]; had {
		if l.log.at(index).Content != content(w.req) {
			w.fails = &engine.Error{Code: engine.CodeConflict, Outcome: engine.NotWritten, Message: "the name of this request is that of another write; give each write its own"}
		}
		l.wait(w, index)
		return
	}
	if w.req.If != nil {
		have, index := l.newest(w.req.Key)
		if w.fails = holds(*w.req.If, have); w.fails != nil {
			l.wait(w, index)
			return
		}
	}
	l.log.add(entry{Epoch: l.view.Epoch, Need: w.need, Delete: w.req.Delete, Leader: l.e.node.Name, Key: w.req.Key, Value: w.req.Value,
		Request: w.req.Request, Content: content(w.req)})
	l.wait(w, l.log.last())
}

// wait has a write answered when the entry at a place counts, which may be now.
func (l *loop) wait(w *write, index uint64) {
	w.index, w.since = index, l.e.now()
	if index <= l.applied {
		l.finish(w)
		return
	}
	l.waiting = append(l.waiting, w)
}

// content identifies what a named request asks for: another one of its name must ask for the same.
func content(req engine.WriteRequest) uint64 {
	if req.Request == "" {
		return 0
	}
	return xxhash.Sum64String(fmt.Sprintf("%q %q %t %s %+v", req.Key, req.Value, req.Delete, req.Level, req.If))
}

// newest is the last write of a key in the log, which need not count yet, and its place; no place if it has counted for long.
func (l *loop) newest(key string) (record.Record, uint64) {
	for i := l.log.last(); i > l.applied && !l.has(defect.ConditionOnCounted); i-- {
		if e := l.log.at(i); e.Key == key && !e.Mark {
			return e.record(i), i
		}
	}
	return l.e.records.get(key), 0
}

// holds is nil when the condition holds for the record that is stored.
func holds(c engine.Condition, have record.Record) *engine.Error {
	switch {
	case c.Absent && !have.Live(), !c.Absent && have.Live() && int64(have.Version.Time) == c.Number:
		return nil
	case !have.Live():
		return &engine.Error{Code: engine.CodeConflict, Outcome: engine.NotWritten, Message: "the key is absent"}
	}
	return &engine.Error{Code: engine.CodeConflict, Outcome: engine.NotWritten, Message: fmt.Sprintf("the key has version %d", have.Version.Time)}
}
