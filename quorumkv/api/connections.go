package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/lapse-test/lapse/quorumkv/internal/frame"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/protocol/compact"
)

const (
	// restOfFrame bounds how long a client may take for the rest of a frame that it has begun, as for the rest of a request of HTTP.
	restOfFrame = 10 * time.Second
	// takeAnswers bounds how long a client may leave answers unread.
	takeAnswers = 10 * time.Second
	// unread is how many bytes of answers may wait for a client that does not take them, beside those to requests that were already being carried out.
	unread = 4 << 20
	// keptBuffer is the largest buffer that is kept for a connection's next request.
	keptBuffer = 64 << 10
)

// errStopping is why connections end with the node.
var errStopping = errors.New("this node is stopping")

// CloseConnections ends the connections of clients that were taken over from HTTP, after Stop: when no request for a key is being served any more and all have
// their answers, or when ctx ends. It waits for all that it has ended.
func (h *Handler) CloseConnections(ctx context.Context) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for len(h.slots) > 0 && ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	h.clients.Close(func(s *frame.Stream) {
		s.Flushed(ctx.Done())
		s.Close(errStopping)
	})
}

// connect takes a connection over from HTTP.
func (h *Handler) connect(w http.ResponseWriter, r *http.Request) {
	if got := r.Header.Get("Upgrade"); got != compact.Protocol {
		w.Header().Set("Upgrade", compact.Protocol)
		h.fail(w, http.StatusUpgradeRequired, protocol.Failure{Code: protocol.CodeBadRequest,
			Message: fmt.Sprintf("%s is for clients that speak %s, not %s: use a client of this node's version, or HTTP", compact.Path, compact.Protocol, quote(got))})
		return
	}
	nc, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		h.fail(w, http.StatusInternalServerError, protocol.Failure{Code: protocol.CodeInternal, Message: "cannot upgrade: " + err.Error()})
		return
	}
	// The HTTP server's deadlines were for a request, not for a connection.
	if err := nc.SetDeadline(time.Time{}); err != nil {
		nc.Close()
		return
	}
	stream := frame.NewStream(nc, rw.Reader, 2*cap(h.slots)+16, takeAnswers)
	if !h.clients.Add(stream) {
		stream.Close(errStopping)
		return
	}
	defer h.clients.Remove(stream)
	go stream.Run()
	stream.QueueBytes([]byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + compact.Protocol + "\r\n\r\n"))
	c := &connection{Stream: stream, h: h, running: map[uint64]context.CancelFunc{}}
	err = c.serve()
	h.Logger.Debug("client's connection ended", "client", r.RemoteAddr, "error", err)
}

// connection is a client's.
type connection struct {
	*frame.Stream
	h *Handler

	mu      sync.Mutex
	running map[uint64]context.CancelFunc // by the number of the request
}

// serve serves requests until the connection ends, and returns why when the last of them is done.
func (c *connection) serve() error {
	var requests sync.WaitGroup
	defer requests.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var buf []byte
	for {
		c.Drained(unread) // who asks and does not read is not read from either
		f, rest, err := c.next(buf)
		if buf = rest; cap(buf) > keptBuffer {
			buf = nil // of f alone
		}
		if err != nil {
			if errors.Is(err, frame.ErrMalformed) {
				err = c.refuse(err)
			}
			c.Close(err)
			return err
		}
		switch {
		case f.Withdrawn():
			continue
		case compact.Op(f.Kind) == compact.Cancel:
			c.cancel(f.ID)
			continue
		}
		req, err := compact.ParseRequest(compact.Op(f.Kind), f.Body)
		if err != nil {
			err = c.refuse(err)
			c.Close(err)
			return err
		}
		start := time.Now()
		leave, refusal := c.h.enter()
		if refusal != nil {
			if req.Op != compact.Get {
				refusal.failure.Outcome = protocol.NotWritten
			}
			c.answer(f.ID, &req, *refusal, start)
			continue
		}
		rctx, end, err := c.begin(ctx, f.ID)
		if err != nil {
			leave()
			err = c.refuse(err)
			c.Close(err)
			return err
		}
		id := f.ID
		requests.Go(func() {
			defer leave()
			a := c.h.carryOut(rctx, &req)
			end()
			c.answer(id, &req, a, start)
		})
	}
}

// next reads a frame, which may be a withdrawn one. Its first byte may take any time, and its rest restOfFrame.
func (c *connection) next(buf []byte) (frame.Frame, []byte, error) {
	if frame.Buffered(c.R, compact.MaxRequest) {
		return frame.ReadOne(c.R, buf, compact.MaxRequest)
	}
	if _, err := c.R.Peek(1); err != nil {
		return frame.Frame{}, buf, err
	}
	if !frame.Buffered(c.R, compact.MaxRequest) {
		if err := c.SetReadDeadline(time.Now().Add(restOfFrame)); err != nil {
			return frame.Frame{}, buf, err
		}
		defer func() { _ = c.SetReadDeadline(time.Time{}) }() // of a connection that is gone, the next read says so
	}
	return frame.ReadOne(c.R, buf, compact.MaxRequest)
}

// begin is the context of a request, until end is called.
func (c *connection) begin(parent context.Context, id uint64) (ctx context.Context, end func(), err error) {
	ctx, cancel := context.WithCancel(parent)
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, there := c.running[id]; there {
		cancel()
		return nil, nil, fmt.Errorf("%w: two requests at a time have the number %d", frame.ErrMalformed, id)
	}
	c.running[id] = cancel
	return ctx, func() {
		c.mu.Lock()
		delete(c.running, id)
		c.mu.Unlock()
		cancel()
	}, nil
}

// cancel gives up a request, if it is still there.
func (c *connection) cancel(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cancel, ok := c.running[id]; ok {
		cancel()
	}
}

// answer queues an answer, and counts the request.
func (c *connection) answer(id uint64, req *compact.Request, a answer, start time.Time) {
	switch {
	case a.failure != nil:
		c.fail(id, compact.Failed, a.status, *a.failure)
	case req.Op == compact.Get:
		c.QueueInTime(id, byte(compact.Found), a.AppendFound)
	default:
		c.QueueInTime(id, byte(compact.Written), a.AppendWritten)
	}
	if c.h.Observe != nil {
		c.h.Observe(methods[req.Op], a.status, time.Since(start).Seconds())
	}
}

func (c *connection) fail(id uint64, kind compact.Kind, status int, f protocol.Failure) {
	f.Coordinator = c.h.Node
	b, err := compact.AppendFailed(nil, status, f)
	if err != nil { // strings and numbers can be encoded
		c.Close(err)
		return
	}
	c.QueueInTime(id, byte(kind), func(to []byte) []byte { return append(to, b...) })
}

// refuse tells the client what is wrong with what it has sent. Requests that are being served end with the connection.
func (c *connection) refuse(err error) error {
	c.fail(0, compact.Ends, http.StatusBadRequest, protocol.Failure{Code: protocol.CodeBadRequest, Message: err.Error()})
	until, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	c.Flushed(until.Done())
	return err
}
