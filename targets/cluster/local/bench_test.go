package local

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

// BenchmarkRoundTrip is a small request and its answer, through a proxy and
// directly; and through one in a network of which another link is slow.
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
	p, err := newProxy(newNetwork([]string{"n1"}, nil), "clients", "n1", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer p.close()
	far := map[cluster.Link]cluster.Quality{{From: "n1", To: "n2"}: {Delay: time.Second}}
	beside, err := newProxy(newNetwork([]string{"n1", "n2"}, far), "clients", "n1", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer beside.close()
	for _, way := range []struct{ name, addr string }{{"direct", l.Addr().String()}, {"proxy", p.addr()}, {"beside a slow link", beside.addr()}} {
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
