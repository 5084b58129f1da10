// Package proxy is a TCP proxy for tests that can stop passing bytes without closing anything, as a
// partition does.
package proxy

import (
	"net"
	"sync"
	"testing"
)

// Proxy passes bytes to one destination until it is cut.
type Proxy struct {
	l    net.Listener
	mu   sync.Mutex
	wake *sync.Cond
	cut  bool
	all  []net.Conn
}

// New makes a proxy to dest on a loopback port, which ends with the test.
func New(t testing.TB, dest string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{l: l}
	p.wake = sync.NewCond(&p.mu)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", dest)
			if err != nil {
				in.Close()
				continue
			}
			p.mu.Lock()
			p.all = append(p.all, in, out)
			p.mu.Unlock()
			wg.Go(func() { p.pass(out, in) })
			wg.Go(func() { p.pass(in, out) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.Cut(false)
		p.mu.Lock()
		for _, c := range p.all {
			c.Close()
		}
		p.mu.Unlock()
		wg.Wait()
	})
	return p
}

// Addr is where the proxy listens.
func (p *Proxy) Addr() string { return p.l.Addr().String() }

// Cut stops or resumes the passing of bytes, in both directions. Connections are still accepted.
func (p *Proxy) Cut(cut bool) {
	p.mu.Lock()
	p.cut = cut
	p.mu.Unlock()
	p.wake.Broadcast()
}

func (p *Proxy) pass(dst, src net.Conn) {
	defer dst.Close()
	buf := make([]byte, 4096)
	for {
		n, err := src.Read(buf)
		p.mu.Lock()
		for p.cut {
			p.wake.Wait()
		}
		p.mu.Unlock()
		if err != nil {
			return
		}
		if _, err := dst.Write(buf[:n]); err != nil {
			return
		}
	}
}
