package local

import (
	"io"
	"net"
	"testing"
)

// BenchmarkRoundTrip is a small request and its answer, through a proxy and
// directly.
func BenchmarkRoundTrip(b *testing.B) {
	l, err := net.Listen("tcp", hostPort(0))
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	p, err := newProxy(newNetwork([]string{"n1"}), "clients", "n1", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer p.close()
	for _, way := range []struct{ name, addr string }{{"direct", l.Addr().String()}, {"proxy", p.addr()}} {
		b.Run(way.name, func(b *testing.B) {
			c, err := net.Dial("tcp", way.addr)
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			buf := make([]byte, 100)
			for b.Loop() {
				if _, err := c.Write(buf); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(c, buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
