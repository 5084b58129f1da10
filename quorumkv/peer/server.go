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

	mu      sync.Mutex
	closed  bool
	streams map[*frame.Stream]struct{}
	wg      sync.WaitGroup
}

// NewServer makes the answering side of a node; local is nil when this mode has no replicas that are asked. At most inFlight requests are served at a time; more are refused.
func NewServer(self Identity, local *replica.Replica, inFlight int, writeTimeout time.Duration, log *slog.Logger) *Server {
	return &Server{self: self, local: local, log: log, writeTimeout: writeTimeout,
		slots: make(chan struct{}, inFlight), streams: make(map[*frame.Stream]struct{})}
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
	st := frame.NewStream(nc, rw.Reader, cap(s.slots)+16, s.writeTimeout)
	if !s.track(st) {
		st.Close(errors.New("this node is stopping"))
		return
	}
	defer s.untrack(st)
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

func (s *Server) track(st *frame.Stream) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.streams[st] = struct{}{}
	s.wg.Add(1)
	return true
}

func (s *Server) untrack(st *frame.Stream) {
	s.mu.Lock()
	delete(s.streams, st)
	s.mu.Unlock()
	s.wg.Done()
}

// Close ends every connection and waits for the requests that are being served.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	for st := range s.streams {
		st.Close(errors.New("this node is stopping"))
	}
	s.mu.Unlock()
	s.wg.Wait()
}

// serve answers requests until the stream ends, and returns when the last of them is done.
func (s *Server) serve(from string, st *frame.Stream) {
	var requests sync.WaitGroup
	defer requests.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var buf []byte
	for {
		var f frame.Frame
		var err error
		f, buf, err = frame.Read(st.R, buf, MaxMessage)
		if err != nil {
			st.Close(fmt.Errorf("read: %w", err))
			return
		}
		o := op(f.Kind)
		if o == opMessage && s.message != nil {
			s.message(from, f.Body)
			continue
		}
		var serve func(st *frame.Stream, id uint64)
		switch {
		case o == opList:
			var epoch uint64
			var listing replica.Listing
			epoch, listing, err = parseListing(f.Body)
			serve = func(st *frame.Stream, id uint64) { s.list(st, id, epoch, listing) }
		case o == opCall && s.called != nil:
			body := bytes.Clone(f.Body)
			serve = func(st *frame.Stream, id uint64) { s.call(ctx, st, id, from, body) }
		default:
			var epoch uint64
			var key string
			var rec record.Record
			epoch, key, rec, err = parseRequest(o, f.Body)
			serve = func(st *frame.Stream, id uint64) { s.handle(st, id, o, epoch, key, rec) }
		}
		if err != nil {
			st.Close(err)
			return
		}
		if o == opPing {
			answer(st, f.ID, statusOK, nil)
			continue
		}
		if s.local == nil {
			answer(st, f.ID, statusNotApplied, []byte("this mode has no replicas that are asked"))
			continue
		}
		select {
		case s.slots <- struct{}{}:
		default:
			s.refused.Add(1)
			answer(st, f.ID, statusNotApplied, []byte("node is overloaded"))
			continue
		}
		id := f.ID
		requests.Go(func() {
			defer func() { <-s.slots }()
			serve(st, id)
		})
	}
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
	var stale *replica.StaleError
	switch {
	case errors.As(err, &stale):
		answer(st, id, statusStale, stale.Membership)
	case errors.Is(err, replica.ErrNotApplied):
		answer(st, id, statusNotApplied, []byte(err.Error()))
	default:
		answer(st, id, statusFailed, []byte(err.Error()))
	}
}

func (s *Server) handle(st *frame.Stream, id uint64, o op, epoch uint64, key string, rec record.Record) {
	var err error
	var out record.Record
	switch o {
	case opRead:
		out, err = s.local.ReadAt(epoch, key)
	case opVersion:
		out.Version, err = s.local.VersionAt(epoch, key)
	case opApply:
		err = s.local.ApplyAt(epoch, key, rec)
	}
	switch {
	case err != nil:
		fail(st, id, err)
	case o == opApply:
		answer(st, id, statusOK, nil)
	default:
		st.QueueInTime(id, byte(statusOK), out.AppendTo)
	}
}

// answer waits for room: the asking side bounds what is in flight, and a stream that does not drain is closed.
func answer(st *frame.Stream, id uint64, code status, body []byte) {
	st.QueueInTime(id, byte(code), func(b []byte) []byte { return append(b, body...) })
}
