package peer

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lapse-test/lapse/quorumkv/internal/frame"
	"github.com/lapse-test/lapse/quorumkv/record"
	"github.com/lapse-test/lapse/quorumkv/replica"
	"github.com/lapse-test/lapse/quorumkv/storage"
)

// Path is where a node accepts peers, by an HTTP upgrade to Protocol.
const Path = "/peer"

// path is where peers of this kind are accepted.
func (i Identity) path() string {
	if i.Service == "" {
		return Path
	}
	return Path + "/" + i.Service
}

// Headers of the upgrade request.
const (
	headerFrom     = "Quorumkv-From"
	headerTo       = "Quorumkv-To"
	headerRing     = "Quorumkv-Ring"
	headerMode     = "Quorumkv-Mode"
	headerSettings = "Quorumkv-Settings"
	headerNodes    = "Quorumkv-Nodes"
)

const (
	// maxReason bounds what is read of why a peer refuses: it may name all nodes twice.
	maxReason = 8 << 10

	redial = 50 * time.Millisecond
	queue  = 4096
)

// Identity is who a node is, in which mode, and which placement it believes in; peers that disagree do not connect.
type Identity struct {
	Node string
	Ring string
	Mode string
	// Nodes are the names of all nodes in order, this one among them, separated by spaces.
	Nodes string
	// Settings are those of the mode that all nodes must share, spelled for people; empty where Ring says all.
	Settings string
	// Service tells apart the groups that a node is in at one address, each with links of its own; empty for that of the mode.
	Service string
}

// ErrDisagrees marks an error of a link whose peer refused this node because they are configured differently.
var ErrDisagrees = errors.New("configured differently")

// Link is this node's way to one peer. All methods may be called concurrently.
type Link struct {
	self    Identity
	peer    string
	addr    string
	secure  *tls.Config // nil for plain text
	timeout time.Duration
	log     *slog.Logger
	up      func(peer string)
	dirs    Directories // nil where directories have no names

	mu      sync.Mutex
	conn    *conn
	down    error         // why the last attempt failed; nil while connected or trying for the first time
	changed chan struct{} // closed at the next change
	tried   atomic.Bool   // whether the first attempt to connect has ended
}

// NewLink makes a link to the named peer at a host:port address. It is idle until Run. A peer that is silent for timeout
// counts as gone; up, when not nil, is called whenever a connection stands.
func NewLink(self Identity, peer, addr string, timeout time.Duration, log *slog.Logger, up func(peer string)) *Link {
	return &Link{self: self, peer: peer, addr: addr, timeout: timeout, log: log.With("peer", peer), up: up,
		changed: make(chan struct{})}
}

// Addr is where this node reaches the peer.
func (l *Link) Addr() string { return l.addr }

// Run keeps the link connected until ctx ends.
func (l *Link) Run(ctx context.Context) {
	lastLogged := ""
	for ctx.Err() == nil {
		c, err := l.dial(ctx)
		if err != nil {
			if msg := err.Error(); msg != lastLogged && ctx.Err() == nil {
				l.log.Warn("peer is unreachable", "error", msg)
				lastLogged = msg
			}
			l.set(nil, err)
			select {
			case <-ctx.Done():
			case <-time.After(redial/2 + rand.N(redial)):
			}
			continue
		}
		lastLogged = ""
		l.log.Info("peer connected")
		l.set(c, nil)
		if l.up != nil {
			l.up(l.peer)
		}
		select {
		case <-ctx.Done():
			c.Close(ctx.Err())
		case <-c.Done():
			l.log.Warn("peer connection lost", "error", c.Err())
		}
		l.set(nil, nil)
	}
	l.set(nil, errors.New("this node is stopping"))
}

func (l *Link) set(c *conn, down error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn, l.down = c, down
	l.tried.Store(true)
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *Link) state() (c *conn, changed <-chan struct{}, down error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conn, l.changed, l.down
}

// Err is nil while the link is connected, else why it is not.
func (l *Link) Err() error {
	c, _, down := l.state()
	switch {
	case c != nil:
		return nil
	case down != nil:
		return down
	}
	return errors.New("connecting")
}

// Ready waits while a connection is being made for the first time since the last was lost, and
// fails at once when the peer could not be reached just now. Its errors wrap replica.ErrNotApplied.
func (l *Link) Ready(ctx context.Context) error {
	_, err := l.ready(ctx)
	return err
}

func (l *Link) ready(ctx context.Context) (*conn, error) {
	for {
		c, changed, down := l.state()
		if c != nil {
			return c, nil
		}
		if down != nil {
			return nil, fmt.Errorf("%w: unreachable: %w", replica.ErrNotApplied, down)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: unreachable: %w", replica.ErrNotApplied, ctx.Err())
		case <-changed:
		}
	}
}

// awaitTried waits until the first attempt to connect has ended, however that was.
func (l *Link) awaitTried(ctx context.Context) error {
	for !l.tried.Load() {
		_, changed, _ := l.state()
		if l.tried.Load() {
			return nil // before that state
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s was not met yet: %w", l.peer, ctx.Err())
		case <-changed:
		}
	}
	return nil
}

// start asks the peer and does not wait: tell, which must not either, is called with the answer, which is context.DeadlineExceeded when the time is over.
func (l *Link) start(r request, within time.Duration, tell func(reply)) {
	c, _, down := l.state()
	switch {
	case c != nil:
		c.start(r.op, within, r.appendTo, tell)
	case down != nil:
		tell(reply{err: fmt.Errorf("%w: unreachable: %w", replica.ErrNotApplied, down)})
	default: // a connection is being made
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), within)
			defer cancel()
			c, err := l.ready(ctx)
			if err != nil {
				tell(reply{err: err})
				return
			}
			c.start(r.op, within, r.appendTo, tell)
		}()
	}
}

func (l *Link) call(ctx context.Context, r request) (record.Record, error) {
	c, err := l.ready(ctx)
	if err != nil {
		return record.Record{}, err
	}
	a := c.ask(ctx, r.op, r.appendTo)
	return a.record, a.err
}

// Read asks the peer for its record of key.
func (l *Link) Read(ctx context.Context, epoch uint64, key string) (record.Record, error) {
	return l.call(ctx, request{op: opRead, epoch: epoch, key: key})
}

// Version asks the peer for the version of its record of key.
func (l *Link) Version(ctx context.Context, epoch uint64, key string) (record.Version, error) {
	r, err := l.call(ctx, request{op: opVersion, epoch: epoch, key: key})
	return r.Version, err
}

// Apply has the peer take rec. Unless the error wraps replica.ErrNotApplied, the peer may have taken it or may yet.
func (l *Link) Apply(ctx context.Context, epoch uint64, key string, rec record.Record) error {
	_, err := l.call(ctx, request{opApply, epoch, key, rec})
	return err
}

// List asks the peer for a page of a tenant's keys.
func (l *Link) List(ctx context.Context, epoch uint64, listing replica.Listing) (storage.Page, error) {
	c, err := l.ready(ctx)
	if err != nil {
		return storage.Page{}, err
	}
	a := c.ask(ctx, opList, func(b []byte) []byte { return appendListing(b, epoch, listing) })
	return a.page, a.err
}

// Call asks the peer's handler of calls (Server.OnCall) and waits for its answer. Unless the error wraps replica.ErrNotApplied, the handler may have been called.
func (l *Link) Call(ctx context.Context, body []byte) ([]byte, error) {
	c, err := l.ready(ctx)
	if err != nil {
		return nil, err
	}
	a := c.ask(ctx, opCall, func(b []byte) []byte { return append(b, body...) })
	return a.body, a.err
}

// Send queues a message for the peer's handler of messages (Server.OnMessage) and does not wait. It may be lost; with an
// error it certainly is. Messages of one connection arrive in their order.
func (l *Link) Send(body []byte) error {
	c, _, down := l.state()
	if c == nil {
		if down == nil {
			down = errors.New("connecting")
		}
		return fmt.Errorf("unreachable: %w", down)
	}
	return c.send(body)
}

// Lost is closed when the connection breaks that there is now; nil while there is none. What was sent over it before may or may not have arrived.
func (l *Link) Lost() <-chan struct{} {
	c, _, _ := l.state()
	if c == nil {
		return nil
	}
	return c.Done()
}

func (l *Link) dial(ctx context.Context) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	var d net.Dialer
	raw, err := d.DialContext(ctx, "tcp", l.addr)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	nc := raw
	if l.secure != nil {
		nc = tls.Client(nc, forHost(l.secure, l.addr)) // shakes hands with the first write
	}
	r := bufio.NewReaderSize(nc, 32<<10)
	err = l.upgrade(nc, r)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("greet %s at %s: %w", l.peer, l.addr, err)
	}
	return startConn(frame.NewStream(nc, r, queue, l.timeout), l.timeout), nil
}

// forHost is a configuration for connections to an address, whose host must be one that the other side's certificate is for.
func forHost(c *tls.Config, addr string) *tls.Config {
	c = c.Clone()
	if host, _, err := net.SplitHostPort(addr); err == nil {
		c.ServerName = host
	}
	return c
}

func (l *Link) upgrade(nc net.Conn, r *bufio.Reader) error {
	req, err := http.NewRequest(http.MethodGet, "http://"+l.addr+l.self.path(), nil)
	if err != nil {
		return err
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", Protocol)
	req.Header.Set(headerFrom, l.self.Node)
	req.Header.Set(headerTo, l.peer)
	req.Header.Set(headerRing, l.self.Ring)
	req.Header.Set(headerMode, l.self.Mode)
	req.Header.Set(headerSettings, l.self.Settings)
	req.Header.Set(headerNodes, l.self.Nodes)
	tell(req.Header, l.dirs, l.peer)
	if err := req.Write(nc); err != nil {
		return err
	}
	resp, err := http.ReadResponse(r, req)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		defer resp.Body.Close()
		why, _ := io.ReadAll(io.LimitReader(resp.Body, maxReason))
		if resp.Header.Get(headerMode) != "" {
			return fmt.Errorf("%w: %s", ErrDisagrees, strings.TrimPrefix(strings.TrimSpace(string(why)), ErrDisagrees.Error()+": "))
		}
		return fmt.Errorf("refused with %s: %s", resp.Status, strings.TrimSpace(string(why)))
	}
	return hear(resp.Header, l.dirs, l.peer)
}
