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
	waiting map[uint64]chan reply
}

type reply struct {
	record record.Record // of opRead; only its version of opVersion
	page   storage.Page  // of opList
	body   []byte        // of opCall
	err    error
}

func startConn(s *frame.Stream, timeout time.Duration) *conn {
	c := &conn{Stream: s, waiting: make(map[uint64]chan reply), begun: time.Now()}
	go c.Run()
	go c.readLoop()
	go c.watch(timeout)
	return c
}

var errLost = errors.New("connection lost before the answer")

// call sends a request about a key and waits for its answer, as ask does.
func (c *conn) call(ctx context.Context, o op, epoch uint64, key string, rec record.Record) (record.Record, error) {
	a := c.ask(ctx, o, func(b []byte) []byte { return appendRequest(b, o, epoch, key, rec) })
	return a.record, a.err
}

// ask sends a request and waits for its answer. An error that wraps replica.ErrNotApplied says that the peer
// has not seen the request or has refused it.
func (c *conn) ask(ctx context.Context, o op, body func([]byte) []byte) reply {
	answer := make(chan reply, 1)
	c.mu.Lock()
	c.nextID++
	id := c.nextID
	c.waiting[id] = answer
	c.mu.Unlock()

	place, err := c.Queue(id, byte(o), body)
	if err != nil {
		c.forget(id)
		return reply{err: notQueued(err)}
	}
	select {
	case a := <-answer:
		return a
	case <-ctx.Done():
		c.forget(id)
		if c.Withdraw(place) {
			return reply{err: fmt.Errorf("%w: not sent: %w", replica.ErrNotApplied, ctx.Err())}
		}
		return reply{err: ctx.Err()}
	case <-c.Done():
		c.forget(id)
		select {
		case a := <-answer: // it came just before the end
			return a
		default:
		}
		if c.Withdraw(place) {
			return reply{err: fmt.Errorf("%w: not sent: %w", replica.ErrNotApplied, c.Err())}
		}
		return reply{err: fmt.Errorf("%w: %w", errLost, c.Err())}
	}
}

// notQueued is the error of a request that was never queued.
func notQueued(err error) error {
	if errors.Is(err, frame.ErrFull) {
		return fmt.Errorf("%w: too many requests are waiting for this node", replica.ErrNotApplied)
	}
	return fmt.Errorf("%w: %w", replica.ErrNotApplied, err)
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

func (c *conn) forget(id uint64) {
	c.mu.Lock()
	delete(c.waiting, id)
	c.mu.Unlock()
}

func (c *conn) readLoop() {
	var buf []byte
	for {
		var f frame.Frame
		var err error
		f, buf, err = frame.Read(c.R, buf, MaxMessage)
		if err != nil {
			c.Close(fmt.Errorf("read: %w", err))
			return
		}
		c.heard()
		c.mu.Lock()
		answer := c.waiting[f.ID]
		delete(c.waiting, f.ID)
		c.mu.Unlock()
		if answer != nil {
			answer <- parseReply(f)
		}
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
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-c.Done():
			return
		case <-tick.C:
		}
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
