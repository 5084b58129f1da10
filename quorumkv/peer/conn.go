package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/quorumkv/internal/frame"
	"github.com/lapse-test/lapse/quorumkv/record"
	"github.com/lapse-test/lapse/quorumkv/replica"
	"github.com/lapse-test/lapse/quorumkv/storage"
)

// conn is the asking side of a connection.
type conn struct {
	*frame.Stream
	begun     time.Time    // by the monotonic clock too, so that a step of the wall clock is no silence
	lastHeard atomic.Int64 // nanoseconds from begun to the last frame

	mu      sync.Mutex
	nextID  uint64
	waiting map[uint64]waiting
	ended   bool // who waited has been told
}

// waiting is a request without an answer.
type waiting struct {
	tell  func(reply) // never waits; called once
	place frame.Place
	until time.Duration // from begun; 0 for as long as the connection lasts
}

type reply struct {
	record record.Record // of opRead; only its version of opVersion
	page   storage.Page  // of opList
	body   []byte        // of opCall
	err    error
}

func startConn(s *frame.Stream, timeout time.Duration) *conn {
	c := &conn{Stream: s, waiting: make(map[uint64]waiting), begun: time.Now()}
	go c.Run()
	go c.readLoop()
	go c.watch(timeout)
	return c
}

var errLost = errors.New("connection lost before the answer")

// ask sends a request and waits for its answer. An error that wraps replica.ErrNotApplied says that the peer
// has not seen the request or has refused it.
func (c *conn) ask(ctx context.Context, o op, body func([]byte) []byte) reply {
	answer := make(chan reply, 1)
	id := c.start(o, 0, body, func(r reply) { answer <- r })
	select {
	case a := <-answer:
		return a
	case <-ctx.Done():
		if w, there := c.forget(id); there {
			return reply{err: c.unanswered(w, ctx.Err())}
		}
		return <-answer // it came just before
	}
}

// start sends a request. Tell is called with its answer, perhaps before start returns; after the time, if that is not 0, with context.DeadlineExceeded.
func (c *conn) start(o op, within time.Duration, body func([]byte) []byte, tell func(reply)) (id uint64) {
	w := waiting{tell: tell}
	if within > 0 {
		w.until = time.Since(c.begun) + within
	}
	c.mu.Lock()
	if c.ended {
		c.mu.Unlock()
		tell(reply{err: fmt.Errorf("%w: connection closed: %w", replica.ErrNotApplied, c.Err())})
		return 0
	}
	c.nextID++
	id = c.nextID
	place, err := c.Queue(id, byte(o), body)
	if err == nil {
		w.place = place
		c.waiting[id] = w
	}
	c.mu.Unlock()
	if err != nil {
		tell(reply{err: notQueued(err)})
	}
	return id
}

// notQueued is the error of a request that was never queued.
func notQueued(err error) error {
	if errors.Is(err, frame.ErrFull) {
		return fmt.Errorf("%w: too many requests are waiting for this node", replica.ErrNotApplied)
	}
	return fmt.Errorf("%w: %w", replica.ErrNotApplied, err)
}

// unanswered is the error of a request that is given up for a reason.
func (c *conn) unanswered(w waiting, reason error) error {
	if c.Withdraw(w.place) {
		return fmt.Errorf("%w: not sent: %w", replica.ErrNotApplied, reason)
	}
	return reason
}

// send queues a message of the engine's own, to which there is no answer.
func (c *conn) send(body []byte) error {
	if len(body) > MaxMessage {
		// The other side would close the connection, with all that is on its way.
		return fmt.Errorf("a message of %d bytes, at most %d are taken", len(body), MaxMessage)
	}
	_, err := c.Queue(0, byte(opMessage), func(b []byte) []byte { return append(b, body...) })
	if errors.Is(err, frame.ErrFull) {
		return errors.New("too many messages are waiting for this node")
	}
	return err
}

// forget takes a request out of those that wait, and reports whether it was there; else it has been or is being answered.
func (c *conn) forget(id uint64) (waiting, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w, there := c.waiting[id]
	delete(c.waiting, id)
	return w, there
}

func (c *conn) readLoop() {
	var buf []byte
	for {
		var f frame.Frame
		var err error
		f, buf, err = frame.Read(c.R, buf, MaxMessage)
		if err != nil {
			c.Close(fmt.Errorf("read: %w", err))
			c.end()
			return
		}
		c.heard()
		if w, there := c.forget(f.ID); there {
			w.tell(parseReply(f))
		}
	}
}

// end tells all who wait that the connection is closed.
func (c *conn) end() {
	c.mu.Lock()
	all := c.waiting
	c.waiting, c.ended = nil, true
	c.mu.Unlock()
	for _, w := range all {
		w.tell(reply{err: c.unanswered(w, fmt.Errorf("%w: %w", errLost, c.Err()))})
	}
}

// expire ends the waiting of requests whose time is over.
func (c *conn) expire() {
	now := time.Since(c.begun)
	var over []waiting
	c.mu.Lock()
	for id, w := range c.waiting {
		if w.until > 0 && w.until <= now {
			over = append(over, w)
			delete(c.waiting, id)
		}
	}
	c.mu.Unlock()
	for _, w := range over {
		w.tell(reply{err: c.unanswered(w, context.DeadlineExceeded)})
	}
}

// parseReply copies out of the frame all that the caller gets.
func parseReply(f frame.Frame) reply {
	switch status(f.Kind) {
	case statusOK:
		if len(f.Body) == 0 {
			return reply{}
		}
		r, err := record.Parse(f.Body)
		return reply{record: r, err: err}
	case statusPage:
		p, err := ParsePage(f.Body)
		return reply{page: p, err: err}
	case statusBody:
		return reply{body: bytes.Clone(f.Body)}
	case statusStale:
		return reply{err: &replica.StaleError{Membership: bytes.Clone(f.Body)}}
	case statusNotApplied:
		return reply{err: fmt.Errorf("%w: %s", replica.ErrNotApplied, f.Body)}
	case statusFailed:
		return reply{err: errors.New(string(f.Body))}
	}
	return reply{err: fmt.Errorf("%w: unknown status %d", frame.ErrMalformed, f.Kind)}
}

func (c *conn) heard() { c.lastHeard.Store(int64(time.Since(c.begun))) }

// silent is how long ago a frame was heard last, whatever the wall clock was set to since.
func (c *conn) silent() time.Duration {
	return time.Since(c.begun) - time.Duration(c.lastHeard.Load())
}

// watch pings and closes the connection when nothing has been heard for the timeout.
func (c *conn) watch(timeout time.Duration) {
	interval := max(timeout/4, time.Millisecond)
	const often = 4 // as often in an interval requests whose time is over are looked for
	tick := time.NewTicker(max(interval/often, time.Millisecond))
	defer tick.Stop()
	pinged := time.Duration(0)
	for {
		select {
		case <-c.Done():
			return
		case <-tick.C:
		}
		c.expire()
		now := time.Since(c.begun)
		if now-pinged < interval {
			continue
		}
		pinged = now
		silent := c.silent()
		if silent > timeout+interval {
			c.Close(fmt.Errorf("nothing heard for %s", duration.Text(silent)))
			return
		}
		if silent >= interval/2 {
			// An error is that the queue is full: answers are due anyway.
			_, _ = c.Queue(0, byte(opPing), func(b []byte) []byte { return appendRequest(b, opPing, 0, "", record.Record{}) })
		}
	}
}
