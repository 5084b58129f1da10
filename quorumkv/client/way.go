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
	waiting int
	cancel  context.CancelFunc
	done    chan struct{} // closed when conn or err is set
	conn    *connection
	err     error
}

// do sends a request and waits for its answer; see connection.do, whose errAgain it does not return.
func (w *way) do(ctx context.Context, req *compact.Request) (answer, error) {
	for {
		c, err := w.connection(ctx)
		if err != nil {
			return answer{}, unsent{err}
		}
		a, err := c.do(ctx, req)
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

// close gives the connection up when no request waits on it.
func (w *way) close() {
	w.mu.Lock()
	c := w.current
	w.current = nil
	w.mu.Unlock()
	if c != nil {
		c.retire()
	}
}

// connection is one that takes requests; if need be it is made.
func (w *way) connection(ctx context.Context) (*connection, error) {
	w.mu.Lock()
	if c := w.current; c != nil && c.usable() {
		w.mu.Unlock()
		return c, nil
	}
	if err := ctx.Err(); err != nil {
		w.mu.Unlock()
		return nil, err
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
		return a.conn, a.err
	case <-ctx.Done():
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if a.waiting--; a.waiting == 0 && w.attempt == a {
		a.cancel()
		w.attempt = nil // who comes now begins another
	}
	return nil, ctx.Err()
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
	case c != nil: // nobody waits for it
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
