package wire

import (
	"sync"
	"sync/atomic"
)

// Life is that of one client, whose process is imagined to be killed: all connections of
// all its Dialers end at once, without a word of the driver's to anybody, and none can be
// made any more. The kernel of a killed process does the same. A nil Life never ends. It is
// safe for concurrent use.
type Life struct {
	// doomed says that it ends when something more was sent.
	doomed atomic.Bool
	mu     sync.Mutex
	ended  bool
	conns  map[*conn]bool
}

// End ends it now.
func (l *Life) End() {
	l.mu.Lock()
	l.ended = true
	conns := l.conns
	l.conns = nil
	l.mu.Unlock()
	for c := range conns {
		_ = c.Conn.Close() // nobody is left who would want to know
	}
}

// EndAfterNext ends it as soon as something more was sent: the request is on its way, and
// nobody waits for the answer. Spare takes that back.
func (l *Life) EndAfterNext() { l.doomed.Store(true) }

// Spare has it go on, unless it has ended.
func (l *Life) Spare() { l.doomed.Store(false) }

// Ended says whether it has.
func (l *Life) Ended() bool {
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}

// wrote is called after something was sent.
func (l *Life) wrote() {
	if l != nil && l.doomed.Load() {
		l.End()
	}
}

// add makes c one of its connections, if it has not ended.
func (l *Life) add(c *conn) bool {
	if l == nil {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	if l.conns == nil {
		l.conns = map[*conn]bool{}
	}
	l.conns[c] = true
	return true
}

// remove takes c out.
func (l *Life) remove(c *conn) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}
