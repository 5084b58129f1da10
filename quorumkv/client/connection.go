package client

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lapse-test/lapse/quorumkv/internal/frame"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/protocol/compact"
)

const (
	// maxWaiting bounds the requests of one connection that wait to be written.
	maxWaiting = 1 << 14
	// takeRequests bounds how long a node may leave requests unread.
	takeRequests = 10 * time.Second
)

// errOver is why a connection ends that nobody needs any more.
var errOver = errors.New("the client has given the connection up")

// connection is one to a node, over which any number of requests are on their way.
type connection struct {
	*frame.Stream
	heard atomic.Uint64 // frames so far

	mu      sync.Mutex
	last    uint64 // number of the last request
	waiting map[uint64]*call
	retired bool // takes no more requests, and ends with the last one that waits
}

// call is a request that waits for its answer.
type call struct {
	op     compact.Op
	key    string
	answer chan answer // with room for one
}

// answer is what the node said, or why it is not known.
type answer struct {
	written protocol.Written
	value   *protocol.Value
	err     error // an *Error of the node, or of what cannot be read
}

var calls = sync.Pool{New: func() any { return &call{answer: make(chan answer, 1)} }}

func newConnection(s *frame.Stream) *connection {
	c := &connection{Stream: s, waiting: map[uint64]*call{}}
	go c.Run()
	go c.read()
	return c
}

// unsent is an error of a request of which the node has certainly seen nothing.
type unsent struct{ error }

// Unwrap is the error itself.
func (u unsent) Unwrap() error { return u.error }

// errAgain says that the connection takes no requests, so that another is needed.
var errAgain = errors.New("the connection takes no more requests")

// do sends a request and waits for its answer. Its errors are *Error of the node, errAgain, unsent, or that of the connection or of ctx.
func (c *connection) do(ctx context.Context, req *compact.Request) (answer, error) {
	w := calls.Get().(*call)
	w.op, w.key = req.Op, req.Key
	c.mu.Lock()
	if c.retired {
		c.mu.Unlock()
		calls.Put(w)
		return answer{}, errAgain
	}
	c.last++
	id := c.last
	c.waiting[id] = w
	c.mu.Unlock()
	heard := c.heard.Load()
	place, err := c.Queue(id, byte(req.Op), req.AppendTo)
	if err != nil {
		_, answered := c.forget(id, w) // answered although it was never sent: that says nothing, and asking again would get the same
		if answered || errors.Is(err, frame.ErrFull) {
			return answer{}, unsent{err}
		}
		return answer{}, errAgain
	}
	select {
	case a := <-w.answer:
		calls.Put(w)
		return a, nil
	case <-c.Done():
		err = c.Err()
	case <-ctx.Done():
		err = ctx.Err()
	}
	a, answered := c.forget(id, w)
	switch {
	case answered:
		return a, nil
	case c.Withdraw(place):
		return answer{}, unsent{err}
	case ctx.Err() != nil:
		c.giveUp(id, heard)
	}
	return answer{}, err
}

// forget ends the waiting for an answer, which may have come just before.
func (c *connection) forget(id uint64, w *call) (a answer, answered bool) {
	c.mu.Lock()
	_, waits := c.waiting[id]
	delete(c.waiting, id)
	over := c.retired && len(c.waiting) == 0
	c.mu.Unlock()
	if over {
		c.Close(errOver)
	}
	if !waits {
		a, answered = <-w.answer, true // whoever took it out of waiting sends one
	}
	calls.Put(w)
	return a, answered
}

// giveUp tells the node that nobody waits for an answer any more. A connection of which nothing has been heard since the request was sent is one that may have been
// cut: it is not used again, as the network would revive it only after long.
func (c *connection) giveUp(id, heard uint64) {
	if c.heard.Load() == heard {
		c.retire()
		return
	}
	_, _ = c.Queue(id, byte(compact.Cancel), nil) // a connection that is gone cancels all
}

// retire has the connection take no more requests, and end when none waits.
func (c *connection) retire() {
	c.mu.Lock()
	c.retired = true
	over := len(c.waiting) == 0
	c.mu.Unlock()
	if over {
		c.Close(errOver)
	}
}

// usable tells whether requests may be sent.
func (c *connection) usable() bool {
	select {
	case <-c.Done():
		return false
	default:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.retired
}

// read hands answers to those who wait for them, until the connection ends.
func (c *connection) read() {
	var buf []byte
	for {
		var f frame.Frame
		var err error
		if f, buf, err = frame.Read(c.R, buf, maxResponse); err == nil {
			err = c.take(f)
		}
		if err != nil {
			c.Close(err)
			return
		}
	}
}

// take hands an answer over. An error is the end of the connection.
func (c *connection) take(f frame.Frame) error {
	c.heard.Add(1)
	kind := compact.Kind(f.Kind)
	if kind == compact.Ends {
		_, failure, err := compact.ParseFailed(f.Body)
		if err == nil {
			err = fmt.Errorf("the node ends the connection: %s", failure.Message)
		}
		return err
	}
	c.mu.Lock()
	w, known := c.waiting[f.ID]
	asked := f.ID > 0 && f.ID <= c.last
	delete(c.waiting, f.ID)
	over := c.retired && len(c.waiting) == 0
	c.mu.Unlock()
	switch {
	case !asked:
		return fmt.Errorf("%w: an answer to a request with the number %d, which was never sent", frame.ErrMalformed, f.ID)
	case !known: // it was given up
		return nil
	}
	a, err := parse(kind, w.op, w.key, f.Body)
	if err != nil {
		a.err = fmt.Errorf("read the answer: %w", err)
	}
	w.answer <- a
	if over && err == nil {
		err = errOver
	}
	return err
}

// parse reads an answer to a request for key. An error is what the node must not send.
func parse(kind compact.Kind, op compact.Op, key string, body []byte) (a answer, err error) {
	switch {
	case kind == compact.Found && op == compact.Get:
		a.value, err = compact.ParseFound(key, body)
	case kind == compact.Written && op != compact.Get:
		a.written, err = compact.ParseWritten(key, body)
	case kind == compact.Failed:
		failed := &Error{}
		failed.Status, failed.Failure, err = compact.ParseFailed(body)
		a.err = failed
	default:
		err = fmt.Errorf("%w: an answer of kind %d to operation %d", frame.ErrMalformed, kind, op)
	}
	return a, err
}

// upgrade asks the node for a connection that speaks package compact.
func upgrade(nc net.Conn, r *bufio.Reader, addr string) error {
	req, err := http.NewRequest(http.MethodGet, "http://"+addr+compact.Path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", compact.Protocol)
	if err := req.Write(nc); err != nil {
		return err
	}
	resp, err := http.ReadResponse(r, req)
	if err != nil {
		return err
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return nil
	}
	defer resp.Body.Close()
	why, _ := io.ReadAll(io.LimitReader(resp.Body, 500))
	return fmt.Errorf("the node does not speak %s, and may be of another version: %s: %s", compact.Protocol, resp.Status, strings.TrimSpace(string(why)))
}

// secured is a connection over TLS to an address, whose host must be one that the other side's certificate is for.
func secured(nc net.Conn, c *tls.Config, addr string) net.Conn {
	c = c.Clone()
	if host, _, err := net.SplitHostPort(addr); err == nil && c.ServerName == "" {
		c.ServerName = host
	}
	return tls.Client(nc, c)
}
