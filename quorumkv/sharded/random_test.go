package sharded

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lapse-test/lapse/quorumkv/engine"
)

// chaos loses calls and answers, holds calls back to be carried out at any later time, and kills nodes.
type chaos struct {
	w    *world
	mu   sync.Mutex
	rand *rand.Rand
	late []func()
}

func (c *chaos) roll(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rand.IntN(n)
}

// node is one that may be killed between any two of its calls.
func (c *chaos) node() *testNode {
	n := &testNode{}
	n.before = func(shard int, made call) *engine.Error {
		lost := &engine.Error{Code: engine.CodeTimeout, Message: "lost", Outcome: engine.PerhapsWritten}
		time.Sleep(time.Duration(c.roll(100)) * time.Microsecond)
		switch c.roll(60) {
		case 0:
			n.dead.Store(true)
		case 1:
			lost.Outcome = engine.NotWritten
			return lost
		case 2: // the answer is lost
			c.w.shards[shard].do(made)
			return lost
		case 3:
			c.mu.Lock()
			c.late = append(c.late, func() { c.w.shards[shard].do(made) })
			c.mu.Unlock()
			return lost
		}
		return nil
	}
	return n
}

// arrive carries out some of the calls that were held back, all at the end.
func (c *chaos) arrive(all bool) {
	c.mu.Lock()
	var now, later []func()
	for _, f := range c.late {
		if all || c.rand.IntN(3) == 0 {
			now = append(now, f)
		} else {
			later = append(later, f)
		}
	}
	c.late = later
	c.mu.Unlock()
	for _, f := range now {
		f()
	}
}

// ledger is what clients know of the lists.
type ledger struct {
	mu      sync.Mutex
	acked   map[string]bool
	refused map[string]bool
	seen    string // the longest list that was read
}

// check compares what a transaction read with what was known when it began.
func (l *ledger) check(t *testing.T, seed uint64, a, b, before string, acked []string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if a != b {
		t.Errorf("seed %d: one transaction read %q and %q", seed, a, b)
	}
	if !strings.HasPrefix(a, before) {
		t.Errorf("seed %d: read %q after %q", seed, a, before)
	}
	there := map[string]bool{}
	for id := range strings.SplitSeq(a, ",") {
		if there[id] && id != "" {
			t.Errorf("seed %d: %s is there twice in %q", seed, id, a)
		}
		there[id] = true
		if l.refused[id] {
			t.Errorf("seed %d: %s is there, which was not written", seed, id)
		}
	}
	for _, id := range acked {
		if !there[id] {
			t.Errorf("seed %d: %s is not in %q, which was acknowledged before the read", seed, id, a)
		}
	}
	if len(a) > len(l.seen) {
		l.seen = a
	}
}

func (l *ledger) known() (seen string, acked []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id := range l.acked {
		acked = append(acked, id)
	}
	return l.seen, acked
}

// enough says whether what is there could show a fault: ten transactions were acknowledged, and a list was read.
func (l *ledger) enough() bool {
	seen, acked := l.known()
	return len(acked) >= 10 && seen != ""
}

// Transactions under lost calls, lost answers, late calls, killed coordinators and recovery at any time are strictly serializable: all append to both lists, which
// are alike in every read, have what was acknowledged before, and nothing that was not written. The seed decides what happens to which call, and not
// how clients interleave.
func TestRandomFaults(t *testing.T) {
	for range 8 {
		seed := rand.Uint64()
		w := newWorld(TwoPhaseCommit)
		c := &chaos{w: w, rand: rand.New(rand.NewPCG(seed, 1))}
		l := &ledger{acked: map[string]bool{}, refused: map[string]bool{}}
		var clients sync.WaitGroup
		for client := range 4 {
			clients.Go(func() {
				node := c.node()
				e := w.node(t, node, 20*time.Millisecond)
				for i := 0; i < 60 || !l.enough(); i++ { // a busy machine lets most transactions run out of time
					if node.dead.Load() {
						node = c.node()
						e = w.node(t, node, 20*time.Millisecond)
					}
					randomStep(t, seed, w, l, e, fmt.Sprint(client, "-", i), c.roll(3) == 0)
				}
			})
		}
		ended := make(chan struct{})
		go func() { clients.Wait(); close(ended) }()
		recovery := w.node(t, &testNode{}, patient)
		for running := true; running; {
			select {
			case <-ended:
				running = false
			case <-time.After(time.Duration(c.roll(3000)) * time.Microsecond):
			}
			c.arrive(!running)
			w.settle(recovery)
		}
		if left := w.left(); len(left) > 0 {
			t.Errorf("seed %d: %q are left", seed, left)
		}
		before, acked := l.known()
		l.check(t, seed, w.shards[0].list(w.keys()[0]), w.shards[1].list(w.keys()[1]), before, acked)
	}
}

// randomStep is one transaction of a client.
func randomStep(t *testing.T, seed uint64, w *world, l *ledger, e *Engine, id string, reads bool) {
	before, acked := l.known()
	if reads {
		if res, err := e.Transact(context.Background(), w.look()); err == nil {
			l.check(t, seed, string(res.Reads[0].Value), string(res.Reads[1].Value), before, acked)
		}
		return
	}
	_, err := e.Transact(context.Background(), w.both(id))
	l.mu.Lock()
	defer l.mu.Unlock()
	var failed *engine.Error
	switch {
	case err == nil:
		l.acked[id] = true
	case errors.As(err, &failed) && failed.Outcome == engine.NotWritten:
		l.refused[id] = true
	}
}
