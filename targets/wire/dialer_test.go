package wire

import (
	"errors"
	"io"
	"net"
	"testing"
)

// server accepts connections and reads them to their end.
func server(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
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
			go func() { _, _ = io.Copy(io.Discard, c) }()
		}
	}()
	return l.Addr().String()
}

func TestDialerCountsWhatWasSent(t *testing.T) {
	d := &Dialer{Addr: server(t)}
	a, err := d.DialContext(t.Context(), "tcp", "192.0.2.1:1") // another than the driver has in mind
	if err != nil {
		t.Fatal(err)
	}
	b, err := d.DialContext(t.Context(), "tcp", "192.0.2.2:1")
	if err != nil {
		t.Fatal(err)
	}
	if d.Sent() != 0 {
		t.Errorf("%d bytes before any was sent", d.Sent())
	}
	for _, c := range []net.Conn{a, b} {
		if _, err := c.Write([]byte("abc")); err != nil {
			t.Fatal(err)
		}
	}
	if d.Sent() != 6 {
		t.Errorf("%d bytes, want 6", d.Sent())
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if n, _ := a.Write([]byte("abc")); n != 0 || d.Sent() != 6 {
		t.Errorf("a closed connection sent %d bytes, counted %d", n, d.Sent())
	}
}

func TestDialerIsSealed(t *testing.T) {
	addr := server(t)
	for name, c := range map[string]struct {
		d    *Dialer
		seal func(*Dialer)
		// alive says whether the connection that is there goes on.
		alive bool
	}{
		"once":   {&Dialer{Once: true}, func(*Dialer) {}, true},
		"closed": {&Dialer{}, (*Dialer).Close, true},
		"sealed": {&Dialer{}, (*Dialer).Seal, false},
	} {
		conn, err := c.d.DialContext(t.Context(), "tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		c.seal(c.d)
		if _, err := c.d.DialContext(t.Context(), "tcp", addr); !errors.Is(err, ErrSealed) {
			t.Errorf("%s: a second dial: %v", name, err)
		}
		if _, err := conn.Write([]byte("x")); (err == nil) != c.alive {
			t.Errorf("%s: writing afterwards: %v", name, err)
		}
		_ = conn.Close()
	}
}

// TestOnceAfterAFailure: of a host with several addresses the second one may be the
// one that answers.
func TestOnceAfterAFailure(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	d := &Dialer{Once: true}
	if _, err := d.DialContext(t.Context(), "tcp", nobody); err == nil {
		t.Fatal("nobody listens, and there is a connection")
	}
	c, err := d.DialContext(t.Context(), "tcp", server(t))
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}
