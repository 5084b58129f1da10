package wire

import "sync"

// Life is that of one client, whose process is imagined to be killed: all connections of
// all its Dialers end at once, without a word of the driver's to anybody, and none can be
// made any more. The kernel of a killed process does the same. A nil Life never ends. It is
// safe for concurrent use.
type Life struct {
	mu sync.Mutex
	// doomed says that it ends when something more was sent; with ended under one lock, so
	// that who was spared does not end afterwards.
	doomed bool
	ended  bool
	conns  map[*conn]bool
}

// End ends it now.
func (l *Life) End() { l.end(true) }

// end ends it, in any case or if it is doomed.
func (l *Life) end(anyway bool) {
	l.mu.Lock()
	if !anyway && !l.doomed {
		l.mu.Unlock()
		return
	}
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
func (l *Life) EndAfterNext() { l.doom(true) }

// Spare has it go on, and says whether it does: what has ended stays so.
func (l *Life) Spare() (alive bool) { return l.doom(false) }

func (l *Life) doom(doomed bool) (alive bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.doomed = doomed
	return !l.ended
}

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
	if l != nil {
		l.end(false)
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
