package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/internal/frame"
	"github.com/lapse-test/lapse/quorumkv/record"
	"github.com/lapse-test/lapse/quorumkv/replica"
)

// Server answers peers' requests from the local replica. It is an http.Handler for Path.
type Server struct {
	self         Identity
	local        *replica.Replica
	log          *slog.Logger
	writeTimeout time.Duration
	slots        chan struct{} // one for each request being served
	refused      atomic.Int64
	message      func(from string, body []byte)
	dirs         Directories // nil where directories have no names
	called       func(ctx context.Context, from string, body []byte) ([]byte, error)

	streams frame.Streams
}

// NewServer makes the answering side of a node; local is nil when this mode has no replicas that are asked. At most inFlight requests are served at a time; more are refused.
func NewServer(self Identity, local *replica.Replica, inFlight int, writeTimeout time.Duration, log *slog.Logger) *Server {
	return &Server{self: self, local: local, log: log, writeTimeout: writeTimeout,
		slots: make(chan struct{}, inFlight)}
}

// OnMessage sets what is told of messages that peers Send, before the first of them. It is called in their order, one
// connection's at a time, and must not keep the body.
func (s *Server) OnMessage(f func(from string, body []byte)) { s.message = f }

// OnCall sets what answers the calls of peers (Link.Call), before the first of them. Calls run at the same time, each until it returns or ctx, which ends
// with the connection, is ignored by it.
func (s *Server) OnCall(f func(ctx context.Context, from string, body []byte) ([]byte, error)) {
	s.called = f
}

// Tell has the server tell of data directories. It is called before the first connection.
func (s *Server) Tell(d Directories) { s.dirs = d }

// Path is where peers find this server.
func (s *Server) Path() string { return s.self.path() }

// Refused is how many requests were refused because too many were being served.
func (s *Server) Refused() int64 { return s.refused.Load() }

// ServeHTTP takes a connection over from HTTP when the peer asks for the right node and believes in the same placement.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := s.greet(r); err != nil {
		if errors.Is(err, ErrDisagrees) {
			w.Header().Set(headerMode, s.self.Mode)
		}
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	from := r.Header.Get(headerFrom)
	if err := hear(r.Header, s.dirs, from); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	nc, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, "cannot upgrade: "+err.Error(), http.StatusInternalServerError)
		return
	}
	// The HTTP server's deadlines were for a request, not for a connection.
	if err := nc.SetDeadline(time.Time{}); err != nil {
		nc.Close()
		return
	}
	st := frame.NewStream(nc, rw.Reader, 2*cap(s.slots)+16, s.writeTimeout)
	if !s.streams.Add(st) {
		st.Close(errors.New("this node is stopping"))
		return
	}
	defer s.streams.Remove(st)
	go st.Run()
	st.QueueBytes(s.accepts(from))
	s.serve(from, st)
	s.log.Debug("peer's connection ended", "peer", from, "error", st.Err())
}

// accepts is the answer with which a connection is taken over from HTTP.
func (s *Server) accepts(from string) []byte {
	h := http.Header{"Connection": {"Upgrade"}, "Upgrade": {Protocol}}
	tell(h, s.dirs, from)
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	_ = h.Write(&b) // into memory
	b.WriteString("\r\n")
	return b.Bytes()
}

func (s *Server) greet(r *http.Request) error {
	switch {
	case r.Header.Get("Upgrade") != Protocol:
		return fmt.Errorf("this address is for peers that speak %s", Protocol)
	case r.Header.Get(headerTo) != s.self.Node:
		return fmt.Errorf("this is node %q, not %q: check the peers' addresses", s.self.Node, r.Header.Get(headerTo))
	case r.Header.Get(headerMode) != s.self.Mode:
		return fmt.Errorf("%w: node %s is of mode %s, not %s: give all nodes the same mode", ErrDisagrees, s.self.Node, s.self.Mode, r.Header.Get(headerMode))
	case r.Header.Get(headerNodes) != s.self.Nodes:
		return fmt.Errorf("%w: node %s knows the nodes %s, not %s: name the same nodes to all", ErrDisagrees, s.self.Node, s.self.Nodes, r.Header.Get(headerNodes))
	case r.Header.Get(headerSettings) != s.self.Settings:
		return fmt.Errorf("%w: node %s has %q, not %q: give all nodes the same", ErrDisagrees, s.self.Node, s.self.Settings, r.Header.Get(headerSettings))
	case r.Header.Get(headerRing) != s.self.Ring:
		return fmt.Errorf("%w: node %s places keys otherwise: give all nodes the same configuration", ErrDisagrees, s.self.Node)
	}
	return nil
}

// Close ends every connection and waits for the requests that are being served.
func (s *Server) Close() {
	s.streams.Close(func(st *frame.Stream) { st.Close(errors.New("this node is stopping")) })
}

// serve answers requests until the stream ends, and returns when the last of them is done.
func (s *Server) serve(from string, st *frame.Stream) {
	c := &session{s: s, Stream: st, from: from}
	defer c.requests.Wait()
	var cancel context.CancelFunc
	c.ctx, cancel = context.WithCancel(context.Background())
	defer cancel()
	var buf []byte
	for {
		var f frame.Frame
		var err error
		if !frame.Buffered(st.R, MaxMessage) {
			st.Release() // what can be answered to requests that came together is written together
		}
		f, buf, err = frame.ReadOne(st.R, buf, MaxMessage)
		if err != nil {
			st.Close(fmt.Errorf("read: %w", err))
			return
		}
		if f.Withdrawn() {
			continue // to what was held before it, for which somebody waits
		}
		st.Hold()
		if err := c.take(f); err != nil {
			st.Close(err)
			return
		}
	}
}

// session is a peer's connection.
type session struct {
	s *Server
	*frame.Stream
	from     string
	ctx      context.Context // ends with the connection
	requests sync.WaitGroup
	order    order
}

// take serves a request, or has it served. An error is the end of the connection.
func (c *session) take(f frame.Frame) error {
	o, id := op(f.Kind), f.ID
	switch {
	case o == opMessage && c.s.message != nil:
		c.s.message(c.from, f.Body)
		return nil
	case o == opList:
		epoch, listing, err := parseListing(f.Body)
		if err == nil {
			c.serveApart(id, func() { c.s.list(c.Stream, id, epoch, listing) })
		}
		return err
	case o == opCall && c.s.called != nil:
		body := bytes.Clone(f.Body)
		c.serveApart(id, func() { c.s.call(c.ctx, c.Stream, id, c.from, body) })
		return nil
	}
	epoch, key, rec, err := parseRequest(o, f.Body)
	if err == nil && o != opPing && c.s.local != nil && c.s.local.Has(defect.AnswersInOrder) {
		c.order.asked(id)
	}
	switch {
	case err != nil:
		return err
	case o == opPing:
		answer(c.Stream, id, statusOK, nil)
	case c.s.local == nil:
		answer(c.Stream, id, statusNotApplied, []byte("this mode has no replicas that are asked"))
	case o == opApply:
		c.apply(id, epoch, key, rec)
	default:
		c.read(id, o, epoch, key)
	}
	return nil
}

// begin takes a slot, which end gives back, or refuses the request.
func (c *session) begin(id uint64) bool {
	if c.s.local == nil {
		answer(c.Stream, id, statusNotApplied, []byte("this mode has no replicas that are asked"))
		return false
	}
	select {
	case c.s.slots <- struct{}{}:
		c.requests.Add(1)
		return true
	default:
		c.s.refused.Add(1)
		answer(c.Stream, id, statusNotApplied, []byte("node is overloaded"))
		return false
	}
}

func (c *session) end() {
	<-c.s.slots
	c.requests.Done()
}

// serveApart serves a request while others are taken.
func (c *session) serveApart(id uint64, serve func()) {
	if c.begin(id) {
		go func() {
			defer c.end()
			serve()
		}()
	}
}

func (c *session) apply(id, epoch uint64, key string, rec record.Record) {
	if !c.begin(id) {
		return
	}
	c.s.local.ApplyLaterAt(epoch, key, rec, func(err error) {
		code, body := statusOK, []byte(nil)
		if err != nil {
			code, body = failure(err)
		}
		put, id := func(b []byte) []byte { return append(b, body...) }, c.order.due(id)
		if _, err := c.Queue(id, byte(code), put); errors.Is(err, frame.ErrFull) {
			// Answers to reads may have filled it. Others wait for this, so that it waits for room elsewhere, and keeps its slot.
			go func() {
				defer c.end()
				c.QueueInTime(id, byte(code), put)
			}()
			return
		}
		c.end()
	})
}

// read answers at once what is known without waiting.
func (c *session) read(id uint64, o op, epoch uint64, key string) {
	rec, known, err := c.s.local.KnownAt(epoch, key)
	if !known {
		c.serveApart(id, func() {
			rec, err := readFrom(c.s.local, o, epoch, key)
			answerRead(c.Stream, c.order.due(id), o, rec, err)
		})
		return
	}
	answerRead(c.Stream, c.order.due(id), o, rec, err)
}

// readFrom has a replica carry out opRead, or opVersion, and may wait for the disk.
func readFrom(r *replica.Replica, o op, epoch uint64, key string) (rec record.Record, err error) {
	if o == opVersion {
		rec.Version, err = r.VersionAt(epoch, key)
		return rec, err
	}
	return r.ReadAt(epoch, key)
}

func answerRead(st *frame.Stream, id uint64, o op, rec record.Record, err error) {
	if err != nil {
		fail(st, id, err)
		return
	}
	if o == opVersion {
		rec = record.Record{Version: rec.Version}
	}
	st.QueueInTime(id, byte(statusOK), rec.AppendTo)
}

func (s *Server) list(st *frame.Stream, id uint64, epoch uint64, listing replica.Listing) {
	p, err := s.local.ListAt(epoch, listing)
	if err != nil {
		fail(st, id, err)
		return
	}
	st.QueueInTime(id, byte(statusPage), func(b []byte) []byte { return AppendPage(b, p) })
}

func (s *Server) call(ctx context.Context, st *frame.Stream, id uint64, from string, body []byte) {
	out, err := s.called(ctx, from, body)
	if err != nil {
		fail(st, id, err)
		return
	}
	answer(st, id, statusBody, out)
}

// fail answers with an error.
func fail(st *frame.Stream, id uint64, err error) {
	code, body := failure(err)
	answer(st, id, code, body)
}

// failure is an error as a peer is told it.
func failure(err error) (status, []byte) {
	var stale *replica.StaleError
	switch {
	case errors.As(err, &stale):
		return statusStale, stale.Membership
	case errors.Is(err, replica.ErrNotApplied):
		return statusNotApplied, []byte(err.Error())
	}
	return statusFailed, []byte(err.Error())
}

// answer waits for room: the asking side bounds what is in flight, and a stream that does not drain is closed.
func answer(st *frame.Stream, id uint64, code status, body []byte) {
	st.QueueInTime(id, byte(code), func(b []byte) []byte { return append(b, body...) })
}
