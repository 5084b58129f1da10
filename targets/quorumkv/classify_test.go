package quorumkv

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/protocol/compact"
)

func TestClassify(t *testing.T) {
	answered := func(o protocol.Outcome) error {
		return &client.Error{Status: 503, Failure: protocol.Failure{Code: "unavailable", Outcome: o}}
	}
	for _, c := range []struct {
		name  string
		err   error
		write bool
		want  history.Outcome
	}{
		{"acknowledged write", nil, true, history.OK},
		{"answered read", nil, false, history.OK},
		{"write that reached nobody", answered(protocol.NotWritten), true, history.Fail},
		{"write that reached somebody", answered(protocol.PerhapsWritten), true, history.Info},
		{"write that says nothing of its outcome", answered(""), true, history.Info},
		{"write with an error that is not the client's", errors.New("?"), true, history.Info},
		{"write past its deadline", context.DeadlineExceeded, true, history.Info},
		{"read that failed", answered(""), false, history.Fail},
		{"read past its deadline", context.DeadlineExceeded, false, history.Fail},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Classify(c.err, c.write); got != c.want {
				t.Errorf("Classify(%v, write %t) = %s, want %s", c.err, c.write, got, c.want)
			}
		})
	}
}

// TestErrorsInHistory: what a history says of an error is the same for every node, key and port.
func TestErrorsInHistory(t *testing.T) {
	refused, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused.Close()
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer slow.Close()
	of := func(addr string, limit time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		_, err := client.New(addr).Get(ctx, "k7", "1", "")
		return err
	}
	answer := func(message string) error {
		return &client.Error{Status: 503, Failure: protocol.Failure{Code: "unavailable", Message: message}}
	}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"nothing":                 {nil, ""},
		"nobody listens":          {of(refused.Addr().String(), time.Minute), "connection refused"},
		"no answer in time":       {of(slow.Listener.Addr().String(), time.Millisecond), "deadline exceeded"},
		"an answer":               {answer("1 of 2 replicas answered"), "unavailable: 1 of 2 replicas answered"},
		"an answer of a node":     {answer("the leader n1: unreachable: dial tcp 10.77.0.11:7400: connect: connection refused"), "unavailable: the leader n1: unreachable: connection refused"},
		"an answer of a pair":     {answer("n2: read tcp 10.77.0.11:7400->[::1]:4: read: connection reset by peer"), "unavailable: n2: connection reset by peer"},
		"a node that is greeted":  {answer("the leader n1: unreachable: greet n1 at 10.77.0.11:7400: EOF"), "unavailable: the leader n1: unreachable: greet n1: EOF"},
		"one with a name":         {answer("the leader n1: greet n1 at db-1.internal:7400: EOF"), "unavailable: the leader n1: greet n1: EOF"},
		"no address":              {answer("shard 2: 1 of 3 replicas answered at 12 of 13"), "unavailable: shard 2: 1 of 3 replicas answered at 12 of 13"},
		"what was never asked":    {&client.Error{Failure: protocol.Failure{Code: client.CodeNoAnswer, Message: "not merged"}}, "no_answer: not merged"},
		"an error of lapse's own": {errRefused, errRefused.Error()},
	} {
		got := inHistory(c.err)
		if text := fmt.Sprint(got); c.err == nil && got != nil || c.err != nil && (text != c.want || !errors.Is(got, c.err)) {
			t.Errorf("%s: %q, want %q", name, text, c.want)
		}
	}
}

// TestClassifyConnections takes its errors from real connections.
func TestClassifyConnections(t *testing.T) {
	refused, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused.Close()
	release := make(chan struct{})
	defer close(release)
	// node makes the connection that clients ask for, waits until something was sent over it, and has then do the rest.
	node := func(then func(net.Conn)) string {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, rw, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", compact.Protocol)
			if _, err := rw.ReadByte(); err == nil {
				then(conn)
			}
		}))
		t.Cleanup(srv.Close)
		return srv.Listener.Addr().String()
	}
	deaf := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(deaf.Close)
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
			conn.Close()
		}
	}))
	t.Cleanup(broken.Close)
	for _, c := range []struct {
		name, addr string
		want       history.Outcome
	}{
		{"refused before a byte left", refused.Addr().String(), history.Fail},
		{"no connection until the deadline", deaf.Listener.Addr().String(), history.Fail},
		{"lost before there was a connection", broken.Listener.Addr().String(), history.Fail},
		{"no answer until the deadline", node(func(net.Conn) { <-release }), history.Info},
		{"connection lost after the request", node(func(net.Conn) {}), history.Info},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			cl := client.New(c.addr)
			defer cl.Close()
			_, err := cl.Put(ctx, "k0", []byte("1"), "1")
			if got := Classify(err, true); got != c.want {
				t.Errorf("write: Classify(%v) = %s, want %s", err, got, c.want)
			}
			_, err = cl.Get(ctx, "k0", "1", "")
			if got := Classify(err, false); got != history.Fail {
				t.Errorf("read: Classify(%v) = %s, want fail", err, got)
			}
		})
	}
}
