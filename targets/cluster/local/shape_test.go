package local

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

// shapedPair is a network with one proxy from n1 to an echo on n2, and a connection
// through it.
func shapedPair(t *testing.T, usual map[cluster.Link]cluster.Quality) (*network, *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", hostPort(0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); _ = c.Close() }()
		}
	}()
	w := newNetwork([]string{"n1", "n2"}, usual)
	p, err := newProxy(w, "n1", "n2", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", p.addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(); p.close(); w.close() })
	return w, c.(*net.TCPConn)
}

func echo(t *testing.T, c net.Conn, data []byte) time.Duration {
	t.Helper()
	began := time.Now()
	sent := make(chan error, 1)
	go func() { _, err := c.Write(data); sent <- err }()
	back := make([]byte, len(data))
	if _, err := io.ReadFull(c, back); err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data, back) {
		t.Fatal("what came back is not what was sent")
	}
	return time.Since(began)
}

// TestShape: a shaped link holds back what is sent, in order and without a loss, and
// counts it; the measured round trip is no shorter than the delays; unshaped, nothing is
// held back any more.
func TestShape(t *testing.T) {
	w, c := shapedPair(t, nil)
	ctx := t.Context()
	data := make([]byte, 300<<10) // more than a line holds back
	for i := range data {
		data[i] = byte(i * i >> 3)
	}
	echo(t, c, data)
	there, back := cluster.Link{From: "n1", To: "n2"}, cluster.Link{From: "n2", To: "n1"}
	q := cluster.Quality{Delay: 40 * time.Millisecond, Jitter: 20 * time.Millisecond}
	if err := w.Shape(ctx, q, there, back); err != nil {
		t.Fatal(err)
	}
	if took := echo(t, c, []byte("x")); took < 2*(q.Delay-q.Jitter) {
		t.Errorf("an echo took %v over links that delay by %v at least", took, q.Delay-q.Jitter)
	}
	if took, err := w.RoundTrip(ctx, "n1", "n2"); err != nil || took < 2*(q.Delay-q.Jitter) {
		t.Errorf("a round trip was measured as %v (%v)", took, err)
	}
	echo(t, c, data)
	held, err := w.Held(ctx)
	if err != nil || held[there].Bytes != uint64(len(data))+1 || held[there].Packets < 2 || held[back].Waited < q.Delay-q.Jitter {
		t.Errorf("held back: %+v (%v)", held, err)
	}
	// Healed while something waits: it goes on at once.
	if err := w.Shape(ctx, cluster.Quality{Delay: time.Hour}, there); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); echo(t, c, data) }()
	for {
		if held, _ := w.Held(ctx); held[there].Packets > 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := w.Shape(ctx, cluster.Quality{}, there, back); err != nil {
		t.Fatal(err)
	}
	<-done
	if held, err := w.Held(ctx); err != nil || len(held) > 0 {
		t.Errorf("still shaped: %v (%v)", held, err)
	}
}

// TestUsual: a link that is long all the time holds everything back without being counted
// as shaped; a fault comes on top of that, and what it held back goes out as it would
// have without it.
func TestUsual(t *testing.T) {
	there, back := cluster.Link{From: "n1", To: "n2"}, cluster.Link{From: "n2", To: "n1"}
	usual := cluster.Quality{Delay: 20 * time.Millisecond}
	w, c := shapedPair(t, map[cluster.Link]cluster.Quality{there: usual, back: usual})
	ctx := t.Context()
	for range 2 {
		if took := echo(t, c, []byte("x")); took < 2*usual.Delay {
			t.Errorf("an echo took %v over links that delay by %v each", took, usual.Delay)
		}
		if took, err := w.RoundTrip(ctx, "n1", "n2"); err != nil || took < 2*usual.Delay {
			t.Errorf("a round trip was measured as %v (%v)", took, err)
		}
		if held, err := w.Held(ctx); err != nil || len(held) > 0 {
			t.Errorf("shaped beyond what is usual: %v (%v)", held, err)
		}
		if err := w.Shape(ctx, cluster.Quality{Delay: time.Hour}, there); err != nil {
			t.Fatal(err)
		}
		if q := w.shapes[there].quality.Delay; q != time.Hour+usual.Delay {
			t.Errorf("the fault makes it %v", q)
		}
		done := make(chan struct{})
		go func() { defer close(done); echo(t, c, []byte("y")) }()
		for {
			if held, _ := w.Held(ctx); held[there].Packets > 0 {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if err := w.Shape(ctx, cluster.Quality{}, there, back); err != nil {
			t.Fatal(err)
		}
		<-done
	}
	if w.Usual(there) != usual || w.Usual(cluster.Link{From: "n1", To: cluster.Clients}) != (cluster.Quality{}) {
		t.Error("the usual quality is not what was given")
	}
}

// TestShapeRefuses what no link can be.
func TestShapeRefuses(t *testing.T) {
	w := newNetwork([]string{"n1", "n2"}, nil)
	link := cluster.Link{From: "n1", To: "n2"}
	for name, q := range map[string]cluster.Quality{
		"it arrives before it was sent": {Delay: time.Millisecond, Jitter: 2 * time.Millisecond},
		"a negative delay":              {Delay: -1},
		"a negative rate":               {Rate: -1},
	} {
		if err := w.Shape(t.Context(), q, link); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if err := w.Shape(t.Context(), cluster.Quality{Delay: 1}, cluster.Link{From: "n1", To: "n9"}); err == nil {
		t.Error("a link to nowhere is shaped")
	}
}

// TestReset: open connections end with a reset, are counted, and new ones can be made.
func TestReset(t *testing.T) {
	w, c := shapedPair(t, nil)
	echo(t, c, []byte("x"))
	for _, tt := range []struct {
		link cluster.Link
		want int
	}{{cluster.Link{From: cluster.Clients, To: "n1"}, 0}, {cluster.Link{From: "n2", To: "n1"}, 1}, {cluster.Link{From: "n2", To: "n1"}, 0}} {
		if n, err := w.Reset(t.Context(), tt.link); err != nil || n != tt.want {
			t.Errorf("%v: %d connections were reset (%v), want %d", tt.link, n, err, tt.want)
		}
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the connection goes on")
	}
	var d net.Dialer
	again, err := d.DialContext(context.WithoutCancel(t.Context()), "tcp", c.RemoteAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	echo(t, again, []byte("y"))
}

// BenchmarkEcho is an echo of 100 bytes over a link that is not shaped.
func BenchmarkEcho(b *testing.B) {
	l, err := net.Listen("tcp", hostPort(0))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c) }()
		}
	}()
	w := newNetwork([]string{"n1", "n2"}, nil)
	p, err := newProxy(w, "n1", "n2", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { p.close(); w.close() }()
	c, err := net.Dial("tcp", p.addr())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	buf := make([]byte, 100)
	for b.Loop() {
		if _, err := c.Write(buf); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c, buf); err != nil {
			b.Fatal(err)
		}
	}
}
