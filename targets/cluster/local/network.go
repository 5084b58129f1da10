package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

// network implements cluster.Network over the streams that pass the proxies. One
// mutex guards it all: it is held for a moment for every chunk, never while
// something is read or written.
type network struct {
	ends []string

	mu          sync.Mutex
	idle        *sync.Cond // a stream has ended its write
	cut         map[cluster.Link]*cluster.Drops
	usual       map[cluster.Link]cluster.Quality // does not change
	shapes      map[cluster.Link]*shape
	reshaped    chan struct{} // closed when a shape changes
	connections map[*connection]bool
	probes      map[*stream]bool
	closed      bool
}

// newNetwork is a network whose links have the qualities of usual.
func newNetwork(nodes []string, usual map[cluster.Link]cluster.Quality) *network {
	w := &network{
		ends:        append([]string{cluster.Clients}, nodes...),
		cut:         map[cluster.Link]*cluster.Drops{},
		usual:       map[cluster.Link]cluster.Quality{},
		shapes:      map[cluster.Link]*shape{},
		reshaped:    make(chan struct{}),
		connections: map[*connection]bool{},
		probes:      map[*stream]bool{},
	}
	w.idle = sync.NewCond(&w.mu)
	for l, q := range usual {
		if q != (cluster.Quality{}) {
			w.usual[l], w.shapes[l] = q, &shape{usual: true, quality: q}
		}
	}
	return w
}

func (w *network) check(links []cluster.Link) error {
	for _, l := range links {
		if l.From == l.To {
			return fmt.Errorf("link %v leads nowhere", l)
		}
		for _, e := range []string{l.From, l.To} {
			if !slices.Contains(w.ends, e) {
				return fmt.Errorf("link %v: no node %q; there are %s", l, e, strings.Join(w.ends, ", "))
			}
		}
	}
	return nil
}

// Cut implements cluster.Network. When it returns, no write of a stream over
// these links is under way: what had been written has arrived.
func (w *network) Cut(_ context.Context, links ...cluster.Link) error {
	if err := w.check(links); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return errClosed
	}
	for _, l := range links {
		if w.cut[l] == nil {
			w.cut[l] = &cluster.Drops{}
		}
	}
	for _, s := range w.streams() {
		if !slices.Contains(links, s.link) {
			continue
		}
		s.interrupt()
		for s.writing {
			w.idle.Wait()
		}
	}
	return nil
}

// streams are all there are; w.mu is held.
func (w *network) streams() []*stream {
	var out []*stream
	for s := range w.connections {
		out = append(out, s.there, s.back)
	}
	for p := range w.probes {
		out = append(out, p)
	}
	return out
}

// Heal implements cluster.Network.
func (w *network) Heal(_ context.Context, links ...cluster.Link) error {
	if err := w.check(links); err != nil {
		return err
	}
	w.heal(func(l cluster.Link) bool { return slices.Contains(links, l) })
	return nil
}

// HealAll implements cluster.Network.
func (w *network) HealAll(context.Context) error {
	w.heal(func(cluster.Link) bool { return true })
	return nil
}

func (w *network) heal(which func(cluster.Link) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for l := range w.cut {
		if which(l) {
			delete(w.cut, l)
		}
	}
	for s := range w.connections {
		if s.whole() && (s.there.lost || s.back.lost) {
			s.resetLocked()
		}
	}
	for _, s := range w.streams() {
		if w.cut[s.link] == nil {
			s.resume()
		}
	}
}

// Drops implements cluster.Network: chunks and bytes that were read from the
// sender and thrown away, ends of streams, and attempts to connect (a chunk of no
// bytes each). A sender that goes on writing is stopped after lostWindow bytes, as
// a real one would be by its window.
func (w *network) Drops(context.Context) (map[cluster.Link]cluster.Drops, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[cluster.Link]cluster.Drops{}
	for l, d := range w.cut {
		out[l] = *d
	}
	return out, nil
}

func (w *network) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	close(w.reshaped)
	w.reshaped = make(chan struct{})
	for s := range w.connections {
		s.resetLocked()
	}
}

// probeEvery is how often a probe's bytes are sent again.
const probeEvery = 50 * time.Millisecond

// Probe implements cluster.Network: it sends bytes over two loopback connections
// with a stream of this link between them, the same code that carries the
// database's bytes, and nothing comes back. What it loses is not counted.
func (w *network) Probe(ctx context.Context, link cluster.Link) error {
	_, err := w.oneWay(ctx, link)
	return err
}

// oneWay probes a link, and says how long what arrived was under way.
func (w *network) oneWay(ctx context.Context, link cluster.Link) (took time.Duration, err error) {
	if err := w.check([]cluster.Link{link}); err != nil {
		return 0, err
	}
	near, src, err := pair(ctx)
	if err != nil {
		return 0, fmt.Errorf("probing %v: %w", link, err)
	}
	defer func() { _ = near.Close() }()
	defer func() { _ = src.Close() }()
	dst, far, err := pair(ctx)
	if err != nil {
		return 0, fmt.Errorf("probing %v: %w", link, err)
	}
	defer func() { _ = far.Close() }()
	defer func() { _ = dst.Close() }()
	s := &stream{net: w, link: link, src: src, dst: dst, probe: true}
	w.mu.Lock()
	closed := w.closed
	w.probes[s] = true
	w.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.run()
	}()
	began := time.Now()
	if err = errClosed; !closed {
		err = s.exchange(ctx, near, far)
	}
	took = time.Since(began)
	_ = src.Close()
	_ = dst.Close()
	<-done
	w.mu.Lock()
	delete(w.probes, s)
	w.mu.Unlock()
	if err != nil {
		return 0, fmt.Errorf("probing %v: %w", link, err)
	}
	return took, nil
}

func (s *stream) exchange(ctx context.Context, near, far net.Conn) error {
	buf := make([]byte, 16)
	for ctx.Err() == nil {
		if _, err := near.Write([]byte("?")); err != nil {
			return err
		}
		until := time.Now().Add(probeEvery)
		if d, ok := ctx.Deadline(); ok && d.Before(until) {
			until = d
		}
		if err := far.SetReadDeadline(until); err != nil {
			return err
		}
		_, err := far.Read(buf)
		if err == nil {
			return nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
	}
	return cluster.ErrUnreachable
}

// pair is the two ends of a connection.
func pair(ctx context.Context) (dialed, accepted *net.TCPConn, err error) {
	l, err := net.Listen("tcp", hostPort(0))
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	var d net.Dialer
	a, err := d.DialContext(ctx, "tcp", l.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	for {
		b, err := l.Accept()
		if err != nil {
			a.Close()
			return nil, nil, err
		}
		if b.RemoteAddr().String() == a.LocalAddr().String() {
			return a.(*net.TCPConn), b.(*net.TCPConn), nil
		}
		b.Close() // somebody else found the port
	}
}
