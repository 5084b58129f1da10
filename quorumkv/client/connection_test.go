package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/internal/frame"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/protocol/compact"
	"github.com/lapse-test/lapse/quorumkv/record"
)

// node is one of a test's: serve is given each connection after its greeting, and what it is asked.
func node(t *testing.T, serve func(nc net.Conn, r *bufio.Reader)) *Client {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer nc.Close()
				r := bufio.NewReader(nc)
				req, err := http.ReadRequest(r)
				if err != nil || req.Header.Get("Upgrade") != compact.Protocol {
					return
				}
				fmt.Fprint(nc, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
				serve(nc, r)
			})
		}
	})
	c := New(l.Addr().String())
	t.Cleanup(func() { c.Close(); l.Close(); wg.Wait() })
	return c
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// next is a request and its number.
func next(r *bufio.Reader) (uint64, compact.Request, error) {
	f, _, err := frame.Read(r, nil, compact.MaxRequest)
	if err != nil {
		return 0, compact.Request{}, err
	}
	req, err := compact.ParseRequest(compact.Op(f.Kind), f.Body)
	return f.ID, req, err
}

func someAnswer(of string) *compact.Answer {
	return &compact.Answer{Record: record.Record{Version: record.Version{Time: hlc.Timestamp(1), Node: "n1"}, Value: []byte(of)}, Level: 1}
}

// Answers come in any order, and each to who has asked: a value is that of its key.
func TestAnswersInAnyOrder(t *testing.T) {
	const at = 50
	c := node(t, func(nc net.Conn, r *bufio.Reader) {
		for {
			var answers [][]byte
			for range at {
				id, req, err := next(r)
				if err != nil {
					return
				}
				answers = append(answers, frame.Append(nil, id, byte(compact.Found), someAnswer("of "+req.Key).AppendFound))
			}
			rand.Shuffle(at, func(i, j int) { answers[i], answers[j] = answers[j], answers[i] })
			for _, a := range answers {
				if _, err := nc.Write(a); err != nil {
					return
				}
			}
		}
	})
	var wg sync.WaitGroup
	for i := range at {
		wg.Go(func() {
			for n := range 20 {
				key := fmt.Sprint("k", i, "-", n)
				v, err := c.Get(within(t), key, "1", "")
				if err != nil || v == nil || string(v.Bytes()) != "of "+key || v.Key != key {
					t.Errorf("%s: %+v, %v", key, v, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// What a node must not answer ends the connection, with an error that says why; the write that it was an answer to is perhaps written, and the next request goes over a
// connection of its own.
func TestAnswersThatAreNone(t *testing.T) {
	good := func(id uint64) []byte {
		return frame.Append(nil, id, byte(compact.Written), someAnswer("").AppendWritten)
	}
	for name, tc := range map[string]struct {
		answer func(id uint64) []byte
		says   string
	}{
		"to nobody":      {func(id uint64) []byte { return good(id + 1) }, "which was never sent"},
		"to number 0":    {func(uint64) []byte { return good(0) }, "which was never sent"},
		"of a read":      {func(id uint64) []byte { return frame.Append(nil, id, byte(compact.Found), someAnswer("v").AppendFound) }, "an answer of kind 1 to operation 2"},
		"of no kind":     {func(id uint64) []byte { return frame.Append(nil, id, 200, nil) }, "an answer of kind 200"},
		"cut short":      {func(id uint64) []byte { return frame.Append(nil, id, byte(compact.Written), nil) }, "malformed"},
		"too long":       {func(uint64) []byte { return []byte(strings.Repeat("\x7f", 100)) }, "malformed frame: a body of"},
		"half a frame":   {func(id uint64) []byte { return good(id)[:frame.Head+2] }, "unexpected EOF"},
		"a failure of 0": {func(id uint64) []byte { return frame.Append(nil, id, byte(compact.Failed), nil) }, "malformed"},
		"its end": {func(uint64) []byte {
			return frame.Append(nil, 0, byte(compact.Ends), func(b []byte) []byte {
				b, _ = compact.AppendFailed(b, 400, protocol.Failure{Code: "bad_request", Message: "for this reason"})
				return b
			})
		}, "the node ends the connection: for this reason"},
	} {
		t.Run(name, func(t *testing.T) {
			connections := 0
			c := node(t, func(nc net.Conn, r *bufio.Reader) {
				id, _, err := next(r)
				if err != nil {
					return
				}
				connections++
				if connections == 2 {
					_, _ = nc.Write(good(id))
					_, _ = r.Peek(1)
					return
				}
				_, _ = nc.Write(tc.answer(id))
			})
			_, err := c.Put(within(t), "k", []byte("v"), "1")
			var e *Error
			if !errors.As(err, &e) || e.Status != 0 || e.Code != CodeNoAnswer || e.Outcome != protocol.PerhapsWritten || !strings.Contains(e.Message, tc.says) {
				t.Errorf("%v, want %q", err, tc.says)
			}
			if _, err := c.Put(within(t), "k", []byte("v"), "1"); err != nil {
				t.Errorf("the next one: %v", err)
			}
		})
	}
}

// A request that is given up is told so to a node that has said something meanwhile; a connection of which nothing was heard is left, with what still waits on it.
func TestGivenUp(t *testing.T) {
	type seen struct {
		connection int
		key        string
		canceled   bool
	}
	all := make(chan seen, 10)
	connections := 0
	var mu sync.Mutex
	c := node(t, func(nc net.Conn, r *bufio.Reader) {
		mu.Lock()
		connections++
		mine := connections
		mu.Unlock()
		keys := map[uint64]string{}
		for {
			f, _, err := frame.Read(r, nil, compact.MaxRequest)
			if err != nil {
				return
			}
			if compact.Op(f.Kind) == compact.Cancel {
				all <- seen{mine, keys[f.ID], true}
				continue
			}
			req, err := compact.ParseRequest(compact.Op(f.Kind), f.Body)
			if err != nil {
				t.Error(err)
				return
			}
			keys[f.ID] = req.Key
			all <- seen{mine, req.Key, false}
			if strings.HasPrefix(req.Key, "answered") {
				_, _ = nc.Write(frame.Append(nil, f.ID, byte(compact.Found), someAnswer("v").AppendFound))
			}
		}
	})
	want := func(s seen) {
		t.Helper()
		if got := <-all; got != s {
			t.Errorf("the node has seen %+v, want %+v", got, s)
		}
	}
	ask := func(key string) (giveUp func() error) {
		ctx, cancel := context.WithCancel(within(t))
		done := make(chan error, 1)
		go func() { _, err := c.Put(ctx, key, nil, "1"); done <- err }()
		return func() error { cancel(); return <-done }
	}
	first := ask("first")
	want(seen{1, "first", false})
	if _, err := c.Get(within(t), "answered", "1", ""); err != nil {
		t.Fatal(err)
	}
	want(seen{1, "answered", false})
	var e *Error
	if err := first(); !errors.As(err, &e) || e.Outcome != protocol.PerhapsWritten || !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	want(seen{1, "first", true})
	second := ask("second")
	want(seen{1, "second", false})
	third := ask("third")
	want(seen{1, "third", false})
	if err := second(); !errors.As(err, &e) || e.Outcome != protocol.PerhapsWritten {
		t.Errorf("given up in silence: %v", err)
	}
	if _, err := c.Get(within(t), "answered too", "1", ""); err != nil {
		t.Fatal(err)
	}
	want(seen{2, "answered too", false})
	if err := third(); !errors.Is(err, context.Canceled) {
		t.Errorf("what still waits: %v", err)
	}
}

// What was never handed to the network is certainly not written: no connection, no time, a greeting without an answer, a node of another version, or requests that
// the node does not take.
func TestNeverSent(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	old := New("node")
	old.way.dial = func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		go func() {
			defer there.Close()
			if _, err := http.ReadRequest(bufio.NewReader(there)); err == nil {
				fmt.Fprint(there, "HTTP/1.1 404 Not Found\r\nContent-Length: 13\r\n\r\nis not served")
			}
		}()
		return here, nil
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for name, tc := range map[string]struct {
		c    *Client
		ctx  context.Context
		says string
	}{
		"no time":         {New("127.0.0.1:1"), over, "context canceled"},
		"no answer":       {New(silent.Addr().String()), within(t), "timeout"},
		"another version": {old, within(t), "the node does not speak quorumkv-client/1, and may be of another version: 404 Not Found: is not served"},
	} {
		_, err := tc.c.Put(tc.ctx, "k", nil, "1")
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeNoAnswer || e.Outcome != protocol.NotWritten || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, want %q", name, err, tc.says)
		}
	}
}

// A connection that is being made for a request that is given up ends with it.
func TestAnAttemptEndsWithItsRequest(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := New(l.Addr().String())
	defer c.Close()
	ctx, giveUp := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() { _, err := c.Put(ctx, "k", nil, "1"); failed <- err }()
	nc, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	giveUp()
	var e *Error
	if err := <-failed; !errors.As(err, &e) || e.Outcome != protocol.NotWritten {
		t.Errorf("%v", err)
	}
	if _, err := io.Copy(io.Discard, nc); err != nil {
		t.Errorf("its connection: %v", err)
	}
}

// Who closes the client while a connection is being made keeps none open: it ends when those are answered who waited for it.
func TestClosedWhileAConnectionIsMade(t *testing.T) {
	for _, waiting := range []int{1, 5} {
		t.Run(fmt.Sprint(waiting), func(t *testing.T) {
			greet, ended := make(chan struct{}), make(chan error, 1)
			here, there := net.Pipe()
			c := New("node")
			asked := make(chan struct{}, 1)
			c.way.dial = func(context.Context, string, string) (net.Conn, error) { return here, nil }
			go func() {
				r := bufio.NewReader(there)
				_, err := http.ReadRequest(r)
				asked <- struct{}{}
				<-greet
				fmt.Fprint(there, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
				for err == nil {
					var id uint64
					if id, _, err = next(r); err == nil {
						_, err = there.Write(frame.Append(nil, id, byte(compact.Found), someAnswer("v").AppendFound))
					}
				}
				ended <- err
			}()
			var wg sync.WaitGroup
			for range waiting {
				wg.Go(func() {
					if v, err := c.Get(within(t), "k", "1", ""); err != nil || string(v.Bytes()) != "v" {
						t.Errorf("%+v, %v", v, err)
					}
				})
			}
			<-asked
			for joined := 0; joined < waiting; { // all wait for the one attempt
				c.way.mu.Lock()
				joined = c.way.attempt.waiting
				c.way.mu.Unlock()
			}
			c.Close()
			close(greet)
			wg.Wait()
			if err := <-ended; !errors.Is(err, io.EOF) {
				t.Errorf("the connection ends with %v", err)
			}
			if c.way.current != nil || c.way.attempt != nil {
				t.Error("the client has kept a connection")
			}
		})
	}
}

// FuzzFrames: whatever a node sends over its connection, no call fails otherwise than by an error, and no write is taken for not written unless the node said so.
func FuzzFrames(f *testing.F) {
	f.Add(frame.Append(nil, 1, byte(compact.Written), someAnswer("").AppendWritten))
	f.Add(frame.Append(nil, 1, byte(compact.Found), someAnswer("v").AppendFound))
	f.Add(frame.Append(nil, 1, byte(compact.Failed), func(b []byte) []byte {
		b, _ = compact.AppendFailed(b, 503, protocol.Failure{Code: "unavailable", Outcome: protocol.NotWritten})
		return b
	}))
	f.Add([]byte{0, 0, 0, 1, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		here, there := net.Pipe()
		defer there.Close()
		asked := make(chan struct{})
		go func() {
			r := bufio.NewReader(there)
			if _, _, err := next(r); err == nil {
				close(asked)
				go func() { _, _ = io.Copy(io.Discard, r) }()
				_, _ = there.Write(b)
			}
			there.Close()
		}()
		c := newConnection(frame.NewStream(here, bufio.NewReader(here), 10, time.Minute))
		a, err := c.do(context.Background(), &compact.Request{Op: compact.Put, Key: "k"})
		<-asked
		err = said(a, err, true)
		c.Close(errOver)
		<-c.Done()
		var e *Error
		switch {
		case err == nil && a.written.Key != "k":
			t.Errorf("%x is taken for a write that was made: %+v", b, a.written)
		case err != nil && !errors.As(err, &e):
			t.Errorf("%x: %T", b, err)
		case err != nil && e.Outcome == protocol.NotWritten && !strings.Contains(strings.ToLower(string(b)), "outcome") && !strings.Contains(string(b), `\u`):
			t.Errorf("%x is taken for not written: %v", b, err)
		}
	})
}
