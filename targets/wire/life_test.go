package wire

import (
	"errors"
	"io"
	"net"
	"testing"
)

// answering accepts connections, and answers each byte with itself.
func answering(t *testing.T) string {
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
			go func() { _, _ = io.Copy(c, c) }()
		}
	}()
	return l.Addr().String()
}

// TestLifeEnds: all connections of one life end, of whichever dialer, and those of another
// go on.
func TestLifeEnds(t *testing.T) {
	addr, life, other := answering(t), new(Life), new(Life)
	dialers := []*Dialer{{Addr: addr, Life: life}, {Addr: addr, Life: life}, {Addr: addr, Life: other}, {Addr: addr}}
	conns := make([]net.Conn, len(dialers))
	for i, d := range dialers {
		var err error
		if conns[i], err = d.DialContext(t.Context(), "tcp", addr); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conns[i].Close() }()
	}
	life.End()
	for i, d := range dialers {
		ended := i < 2
		if _, err := conns[i].Write([]byte("a")); (err != nil) != ended {
			t.Errorf("connection %d: a write says %v", i, err)
		}
		c, err := d.DialContext(t.Context(), "tcp", addr)
		if errors.Is(err, ErrSealed) != ended {
			t.Errorf("connection %d: another one: %v", i, err)
		}
		if c != nil {
			_ = c.Close()
		}
	}
	if !life.Ended() || other.Ended() || (*Life)(nil).Ended() {
		t.Errorf("ended: %t, another one %t", life.Ended(), other.Ended())
	}
}

// TestLifeEndsInTheMiddle: the request leaves, and its answer finds nobody. One that was
// spared gets it.
func TestLifeEndsInTheMiddle(t *testing.T) {
	for _, c := range []struct {
		name          string
		doom, spare   bool
		ended, answer bool
	}{
		{"left alone", false, false, false, true},
		{"doomed", true, false, true, false},
		{"spared", true, true, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &Dialer{Addr: answering(t), Life: new(Life)}
			conn, err := d.DialContext(t.Context(), "tcp", "")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if c.doom {
				d.Life.EndAfterNext()
			}
			if c.spare && !d.Life.Spare() {
				t.Error("it is said to have ended, and was only to")
			}
			if n, err := conn.Write([]byte("abc")); n != 3 || err != nil || d.Sent() != 3 {
				t.Fatalf("%d bytes and %v, and %d counted: the request did not leave", n, err, d.Sent())
			}
			if d.Life.Ended() != c.ended || d.Life.Spare() == c.ended {
				t.Errorf("ended: %t", d.Life.Ended())
			}
			b := make([]byte, 3)
			if _, err := io.ReadFull(conn, b); (err == nil) != c.answer {
				t.Errorf("the answer is %q (%v)", b, err)
			}
		})
	}
}

// TestLifeHolds: what is held otherwise than by a Dialer is closed with the life, once, and not when
// it was taken back or the life was spared.
func TestLifeHolds(t *testing.T) {
	for _, c := range []struct {
		name   string
		do     func(l *Life, c io.Closer)
		closed int
	}{
		{"goes on", func(l *Life, _ io.Closer) { l.Sent() }, 0},
		{"ends", func(l *Life, _ io.Closer) { l.End(); l.End() }, 1},
		{"ends after a request", func(l *Life, _ io.Closer) { l.EndAfterNext(); l.Sent(); l.Sent() }, 1},
		{"ends after a request that nobody sends", func(l *Life, _ io.Closer) { l.EndAfterNext() }, 0},
		{"is spared", func(l *Life, _ io.Closer) { l.EndAfterNext(); l.Spare(); l.Sent() }, 0},
		{"released", func(l *Life, c io.Closer) { l.Release(c); l.End() }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, held := new(Life), new(counted)
			if !l.Hold(held) {
				t.Fatal("a life that has begun holds nothing")
			}
			c.do(l, held)
			if int(*held) != c.closed {
				t.Errorf("closed %d times, want %d", *held, c.closed)
			}
			if l.Hold(new(counted)) == l.Ended() {
				t.Errorf("ended: %t, and it holds another one all the same", l.Ended())
			}
		})
	}
	if !(*Life)(nil).Hold(new(counted)) {
		t.Error("no life is one that does not end")
	}
}

// counted counts how often it was closed.
type counted int

func (c *counted) Close() error {
	*c++
	return nil
}
