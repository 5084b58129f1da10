package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lapse-test/lapse/quorumkv/internal/frame"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/protocol/compact"
)

// What is said to be not written, the node has never seen: while requests are given up at any moment, and connections end with many on their way.
func TestNotWrittenWasNeverSeen(t *testing.T) {
	const seed = 1
	var mu sync.Mutex
	seen := map[string]bool{}
	connections := uint64(0)
	c := node(t, func(nc net.Conn, r *bufio.Reader) {
		mu.Lock()
		connections++
		rng := rand.New(rand.NewPCG(seed, connections))
		mu.Unlock()
		for left := 1 + rng.IntN(200); left > 0; left-- {
			f, _, err := frame.Read(r, nil, compact.MaxRequest)
			if err != nil {
				return
			}
			if compact.Op(f.Kind) == compact.Cancel {
				continue
			}
			req, err := compact.ParseRequest(compact.Op(f.Kind), f.Body)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			seen[req.Key] = true
			mu.Unlock()
			if rng.IntN(2) == 0 {
				if _, err := nc.Write(frame.Append(nil, f.ID, byte(compact.Written), someAnswer("").AppendWritten)); err != nil {
					return
				}
			}
		}
	})
	outcomes := map[string]protocol.Outcome{}
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(1000+i)))
			for n := range 40 {
				key := fmt.Sprint(i, "-", n)
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rng.IntN(2000))*time.Microsecond)
				done, err := c.Put(ctx, key, nil, "1")
				cancel()
				outcome := protocol.Outcome("written")
				var e *Error
				if errors.As(err, &e) {
					outcome = e.Outcome
				} else if err != nil || done.Key != key {
					t.Errorf("%s: %+v, %v", key, done, err)
				}
				mu.Lock()
				outcomes[key] = outcome
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	c.Close()
	mu.Lock()
	defer mu.Unlock()
	count := map[protocol.Outcome]int{}
	for key, outcome := range outcomes {
		count[outcome]++
		switch {
		case outcome == protocol.NotWritten && seen[key]:
			t.Errorf("seed %d: %s was seen, and is said to be not written", seed, key)
		case outcome == "written" && !seen[key]:
			t.Errorf("seed %d: %s was never seen, and is said to be written", seed, key)
		}
	}
	t.Logf("seed %d: %v over %d connections", seed, count, connections)
}

// An answer to a request that was never sent is none: the request was not written, and nothing else comes of it.
func TestAnswerBeforeItsRequest(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	c := newConnection(frame.NewStream(here, bufio.NewReader(here), 1, time.Minute))
	defer c.Close(errOver)
	c.Hold() // so that the one frame that there is room for stays
	holds, goOn := make(chan struct{}), make(chan struct{})
	go func() {
		_, _ = c.Queue(100, byte(compact.Cancel), func(b []byte) []byte { close(holds); <-goOn; return b })
	}()
	<-holds
	failed := make(chan error, 1)
	go func() {
		a, err := c.do(context.Background(), &compact.Request{Op: compact.Put, Key: "k"}) // waits to queue its frame
		failed <- said(a, err, true)
	}()
	waits := func() bool { c.mu.Lock(); defer c.mu.Unlock(); return len(c.waiting) > 0 }
	for !waits() {
		time.Sleep(time.Millisecond)
	}
	if _, err := there.Write(frame.Append(nil, 1, byte(compact.Written), someAnswer("").AppendWritten)); err != nil {
		t.Fatal(err)
	}
	for waits() {
		time.Sleep(time.Millisecond)
	}
	close(goOn)
	var e *Error
	if err := <-failed; !errors.As(err, &e) || e.Outcome != protocol.NotWritten || !errors.Is(err, frame.ErrFull) {
		t.Errorf("%v", err)
	}
}

// What is too large for a frame only with its tenant's name is not sent in one, which would end the connection of all.
func TestTooLargeWithItsTenant(t *testing.T) {
	c := node(t, func(_ net.Conn, r *bufio.Reader) {
		if _, _, err := next(r); err != nil {
			t.Errorf("the node was sent what it does not take: %v", err)
		}
	}).As(strings.Repeat("t", 64))
	_, err := c.Put(within(t), "k", make([]byte, compact.MaxRequest-70), "1")
	var e *Error
	if !errors.As(err, &e) || e.Status != 0 {
		t.Errorf("a node that does not answer to HTTP: %v", err)
	}
}
