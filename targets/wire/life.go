package wire

import (
	"io"
	"sync"
)

// Life is that of one client, whose process is imagined to be killed: all connections of
// all its Dialers end at once, without a word of the driver's to anybody, and none can be
// made any more. The kernel of a killed process does the same. What holds connections in another
// way than by a Dialer, such as a process of its own, is held by Hold. A nil Life never ends. It is
// safe for concurrent use.
type Life struct {
	mu sync.Mutex
	// doomed says that it ends when something more was sent; with ended under one lock, so
	// that who was spared does not end afterwards.
	doomed bool
	ended  bool
	held   map[io.Closer]bool
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
	held := l.held
	l.held = nil
	l.mu.Unlock()
	for c := range held {
		_ = c.Close() // nobody is left who would want to know
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

// Sent is called after something of a request was sent by what it holds.
func (l *Life) Sent() {
	if l != nil {
		l.end(false)
	}
}

// Hold has c closed as soon as it ends, by whoever ends it. It is false of a Life that has ended; then
// c is the caller's to close.
func (l *Life) Hold(c io.Closer) bool {
	if l == nil {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	if l.held == nil {
		l.held = map[io.Closer]bool{}
	}
	l.held[c] = true
	return true
}

// Release takes back a Hold.
func (l *Life) Release(c io.Closer) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, c)
}
