package drivers

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// TestRefused: who is not let in, and what it is told.
func TestRefused(t *testing.T) {
	s := newStand(t, 2)
	_, in := s.greet("eu", version, s.token)
	s.next(in, kindWelcome)
	for _, c := range []struct {
		name, lapse, token, says string
	}{
		{"us", version, "another secret, longer", "token"},
		{"us", "9.9.9", string(s.token.secret), "lapse " + version + " (protocol 2) and the driver is lapse 9.9.9"},
		{"eu", version, string(s.token.secret), "a driver eu already"},
		{"../us", version, string(s.token.secret), "no name"},
	} {
		_, in := s.greet(c.name, c.lapse, Token{[]byte(c.token)})
		if m := s.next(in, kindRefused); !strings.Contains(m.Reason, c.says) || strings.Contains(m.Reason, "secret") {
			t.Errorf("%+v is told %q", c, m.Reason)
		}
	}
	_, in = s.greet("us", version, s.token)
	s.next(in, kindWelcome)
	_, in = s.greet("ap", version, s.token)
	if m := s.next(in, kindRefused); !strings.Contains(m.Reason, "2 drivers already: eu, us") {
		t.Errorf("one too many is told %q", m.Reason)
	}
}

// TestFalseRun: a driver does not work for whoever has not the token, nor for who stands between it and the run: what
// both prove is of one connection.
func TestFalseRun(t *testing.T) {
	s := newStand(t, 1)
	for name, between := range map[string]func() (*message, func(*message) *message){
		"its own proof": func() (*message, func(*message) *message) {
			return &message{Kind: kindHello, Lapse: version, Protocol: Protocol, Nonce: nonce()}, func(join *message) *message {
				return &message{Kind: kindWelcome, Proof: join.Proof}
			}
		},
		"the run's messages, passed on": func() (*message, func(*message) *message) {
			raw, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.c.Addr())
			if err != nil {
				t.Error(err)
				return nil, nil
			}
			t.Cleanup(func() { _ = raw.Close() })
			conn := tls.Client(raw, clientTLS())
			hello, err := readFrame(conn, maxGreeting)
			if err != nil {
				t.Error(err)
			}
			return hello, func(join *message) *message {
				_ = writeFrame(conn, join)
				said, err := readFrame(conn, maxGreeting)
				if err != nil || said.Kind != kindRefused || !strings.Contains(said.Reason, "token") {
					t.Errorf("the run says %+v, %v", said, err)
				}
				return said
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			config, err := serverTLS()
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				raw, err := l.Accept()
				if err != nil {
					return
				}
				conn := tls.Server(raw, config)
				defer conn.Close()
				hello, then := between()
				_ = writeFrame(conn, hello)
				if join, err := readFrame(conn, maxGreeting); err == nil {
					_ = writeFrame(conn, then(join))
					_, _ = readFrame(conn, maxGreeting)
				}
			}()
			_, err = Drive(t.Context(), DriveConfig{Addr: l.Addr().String(), Name: "eu", Token: s.token, Lapse: version})
			if err == nil || !strings.Contains(err.Error(), "does not show that it has the token") && !strings.Contains(err.Error(), "its token is another one") {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestInterruptedGreeting: who is interrupted while whoever listens says nothing leaves at once, and says that it was
// interrupted.
func TestInterruptedGreeting(t *testing.T) {
	for _, encrypts := range []bool{false, true} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		config, err := serverTLS()
		if err != nil {
			t.Fatal(err)
		}
		ctx, interrupt := context.WithCancel(t.Context())
		var silent sync.WaitGroup
		silent.Go(func() {
			raw, err := l.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			defer raw.Close()
			if encrypts {
				if _, err := secure(context.Background(), tls.Server(raw, config)); err != nil {
					t.Error(err)
				}
			}
			interrupt()
			_, _ = io.Copy(io.Discard, raw) // until the driver is gone
		})
		_, err = Drive(ctx, DriveConfig{Addr: l.Addr().String(), Name: "eu", Token: Token{[]byte("a secret of sixteen")}, Lapse: version})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("encrypts %v: %v", encrypts, err)
		}
		silent.Wait()
		_ = l.Close()
	}
}
