package local

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

// proxy listens where one end of a link dials to reach one port of the other.
type proxy struct {
	net      *network
	from, to string
	target   string
	listener net.Listener
	ctx      context.Context // ends with the proxy
	cancel   context.CancelFunc
	running  sync.WaitGroup
}

func newProxy(w *network, from, to, target string) (*proxy, error) {
	l, err := net.Listen("tcp", hostPort(0))
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	p := &proxy{net: w, from: from, to: to, target: target, listener: l}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.running.Go(p.serve)
	return p, nil
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

// close ends the proxy and all its connections.
func (p *proxy) close() {
	p.cancel()
	_ = p.listener.Close() // it may be closed
	p.net.mu.Lock()
	for s := range p.net.connections {
		if s.proxy == p {
			s.resetLocked()
		}
	}
	p.net.mu.Unlock()
	p.running.Wait()
}

func (p *proxy) serve() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			if p.ctx.Err() != nil {
				return
			}
			time.Sleep(10 * time.Millisecond) // out of descriptors: others may close theirs
			continue
		}
		p.running.Go(func() { p.carry(c.(*net.TCPConn)) })
	}
}

// connection is one connection through a proxy: two streams over two links.
type connection struct {
	proxy *proxy
	there *stream // from the one who dialed
	back  *stream
	// gone is closed when the connection has ended. Guarded by net.mu.
	gone  chan struct{}
	ended bool
}

// dialTimeout is how long a node may take to accept a connection (its kernel
// accepts for it, unless its queue is full).
const dialTimeout = 10 * time.Second

// carry serves one connection to its end.
func (p *proxy) carry(dialer *net.TCPConn) {
	s := &connection{proxy: p, gone: make(chan struct{})}
	s.there = &stream{net: p.net, connection: s, link: cluster.Link{From: p.from, To: p.to}, src: dialer}
	s.back = &stream{net: p.net, connection: s, link: cluster.Link{From: p.to, To: p.from}, dst: dialer}
	if !p.admit(s) {
		_ = dialer.SetLinger(0)
		_ = dialer.Close()
		return
	}
	defer s.leave()
	if s.lostHandshake() || !s.connect() {
		<-s.gone
		return
	}
	var both sync.WaitGroup
	var there, back bool
	both.Go(func() { there = s.there.run() })
	both.Go(func() { back = s.back.run() })
	both.Wait()
	if !there || !back {
		<-s.gone // broken or torn: it ends with the heal, or has ended
	}
}

// admit registers the connection, unless the network is closed.
func (p *proxy) admit(s *connection) bool {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	if p.net.closed || p.ctx.Err() != nil {
		return false
	}
	p.net.connections[s] = true
	return true
}

// leave closes what is open and forgets the connection.
func (s *connection) leave() {
	w := s.proxy.net
	w.mu.Lock()
	defer w.mu.Unlock()
	s.closeLocked()
	delete(w.connections, s)
}

// lostHandshake says whether a cut takes the SYN or the answer to it, and counts
// it. Such a connection is reset when its links are whole again.
func (s *connection) lostHandshake() bool {
	w := s.proxy.net
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range []*stream{s.there, s.back} {
		if w.cut[d.link] != nil {
			d.lose(0)
			return true
		}
	}
	return false
}

// connect opens the connection to the node.
func (s *connection) connect() bool {
	ctx, cancel := context.WithTimeout(s.proxy.ctx, dialTimeout)
	defer cancel()
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", s.proxy.target)
	w := s.proxy.net
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		s.there.refusedLocked()
		return false
	}
	node := c.(*net.TCPConn)
	s.there.dst, s.back.src = node, node
	if s.ended {
		_ = node.SetLinger(0)
		_ = node.Close()
		return false
	}
	if w.cut[s.there.link] != nil {
		s.there.interrupt()
	}
	return true
}

// refusedLocked passes on that nobody listens.
func (s *stream) refusedLocked() {
	if s.net.cut[s.reverse().link] != nil {
		s.reverse().lose(0)
		return
	}
	s.connection.resetLocked()
}

// whole says whether both directions pass; net.mu is held.
func (s *connection) whole() bool {
	cut := s.proxy.net.cut
	return cut[s.there.link] == nil && cut[s.back.link] == nil
}

// resetLocked ends the connection with a reset on both sides; net.mu is held.
func (s *connection) resetLocked() {
	if s.ended {
		return
	}
	for _, c := range []*net.TCPConn{s.there.src, s.there.dst} {
		if c != nil {
			_ = c.SetLinger(0) // fails only if closed
		}
	}
	s.closeLocked()
}

func (s *connection) closeLocked() {
	if s.ended {
		return
	}
	s.ended = true
	for _, c := range []*net.TCPConn{s.there.src, s.there.dst} {
		if c != nil {
			_ = c.Close() // fails only if closed
		}
	}
	close(s.gone)
}
