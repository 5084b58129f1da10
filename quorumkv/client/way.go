package client

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/lapse-test/lapse/quorumkv/internal/frame"
	"github.com/lapse-test/lapse/quorumkv/protocol/compact"
)

// way is a client's to its node: the connection that requests take, which is made when one needs it.
type way struct {
	addr   string
	secure *tls.Config // nil for plain text
	dial   func(ctx context.Context, network, addr string) (net.Conn, error)

	mu      sync.Mutex
	current *connection // nil while there is none
	attempt *attempt    // to make one; nil while nobody does
}

// attempt is the making of a connection, which ends when nobody waits for it any more.
type attempt struct {
	waiting int  // requests; of one that was given up until they are answered
	over    bool // it was given up: its connection is for who waits, and ends with them
	cancel  context.CancelFunc
	done    chan struct{} // closed when conn or err is set
	conn    *connection
	err     error
}

// do sends a request and waits for its answer; see connection.do, whose errAgain it does not return.
func (w *way) do(ctx context.Context, req *compact.Request) (answer, error) {
	for {
		c, last, err := w.connection(ctx)
		if err != nil {
			return answer{}, unsent{err}
		}
		a, err := c.do(ctx, req)
		if last != nil {
			w.leave(last)
		}
		if !errors.Is(err, errAgain) {
			return a, err
		}
		w.forget(c)
	}
}

// forget has no more requests take a connection.
func (w *way) forget(c *connection) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.current == c {
		w.current = nil
	}
}

// close gives the connection up when no request waits on it, also one that is being made.
func (w *way) close() {
	w.mu.Lock()
	c := w.current
	w.current = nil
	if w.attempt != nil {
		w.attempt.over, w.attempt = true, nil
	}
	w.mu.Unlock()
	if c != nil {
		c.retire()
	}
}

// connection is one that takes requests; if need be it is made. Is it of an attempt that was given up, then it is left after the request.
func (w *way) connection(ctx context.Context) (_ *connection, last *attempt, err error) {
	w.mu.Lock()
	if c := w.current; c != nil && c.usable() {
		w.mu.Unlock()
		return c, nil, nil
	}
	if err := ctx.Err(); err != nil {
		w.mu.Unlock()
		return nil, nil, err
	}
	a := w.attempt
	if a == nil {
		making, cancel := context.WithCancel(context.WithoutCancel(ctx))
		a = &attempt{cancel: cancel, done: make(chan struct{})}
		w.attempt = a
		go w.make(making, a)
	}
	a.waiting++
	w.mu.Unlock()
	select {
	case <-a.done:
		if a.over && a.conn != nil {
			last = a
		}
		return a.conn, last, a.err
	case <-ctx.Done():
	}
	w.leave(a)
	return nil, nil, ctx.Err()
}

// leave is of a request that does not wait for an attempt any more, or for its answer on the connection of one that was given up.
func (w *way) leave(a *attempt) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if a.waiting--; a.waiting > 0 {
		return
	}
	a.cancel()
	if w.attempt == a {
		w.attempt = nil // who comes now begins another
	}
	if a.over && a.conn != nil {
		a.conn.retire()
	}
}

// make carries an attempt out.
func (w *way) make(ctx context.Context, a *attempt) {
	defer a.cancel()
	s, err := w.open(ctx)
	var c *connection
	if err == nil {
		c = newConnection(s)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	a.conn, a.err = c, err
	close(a.done)
	switch {
	case w.attempt == a:
		w.current, w.attempt = c, nil
	case c != nil && a.waiting == 0:
		c.Close(errOver)
	}
}

// open makes a connection, in up to dialTimeout, and then once more for the handshakes.
func (w *way) open(ctx context.Context) (*frame.Stream, error) {
	dialing, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	nc, err := w.dial(dialing, "tcp", w.addr)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { nc.Close() })
	err = nc.SetDeadline(time.Now().Add(dialTimeout))
	if w.secure != nil {
		nc = secured(nc, w.secure, w.addr) // shakes hands with the first write
	}
	r := bufio.NewReaderSize(nc, 16<<10)
	if err == nil {
		err = upgrade(nc, r, w.addr)
	}
	if err == nil {
		err = nc.SetDeadline(time.Time{})
	}
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		nc.Close()
		return nil, err
	}
	return frame.NewStream(nc, r, maxWaiting, takeRequests), nil
}
