package consensus

import (
	"fmt"
	"testing"
	"time"
)

// ask has a node queue a read, and says when the machine has all that it must see.
func (s *sim) ask(name string, byLease bool) *readRequest {
	r := &readRequest{lease: byLease, ready: make(chan struct{}), gone: s.t.Context().Done()}
	n := s.nodes[name]
	n.l.reads.queue = append(n.l.reads.queue, r)
	s.must(n.l.settle())
	return r
}

// TestFreshAsOf: whoever leads, whatever is lost, late or out of order, and whichever node is killed: what was acknowledged before the moment as of which a node
// says that it is fresh is on that node. Reads at max-lag rest on it.
func TestFreshAsOf(t *testing.T) {
	compared := 0
	for seed := range uint64(6) {
		s := newSim(t, seed, 20, "n1", "n2", "n3")
		s.until("there is a leader", s.led)
		s.slow = seed%2 == 1
		loss := []float64{0.02, 0.2, 0.2}[seed%3] // at the second a confirmation often comes before what it tells of
		acked := map[string]time.Time{}           // no earlier than that was
		seen := map[string]time.Time{}
		for i := range 6000 {
			name := s.members[s.r.IntN(len(s.members))]
			switch {
			case s.nodes[name].e == nil:
				s.start(name)
			case i%40 == 0:
				s.put(name, fmt.Sprint("k", i), fmt.Sprint("v", i))
			case i%7 == 0:
				s.ask(name, i%3 == 0)
			case i%1999 == 1998:
				s.crash(name)
			}
			s.step(loss)
			for key := range s.acked {
				if acked[key].IsZero() {
					acked[key] = time.Now()
				}
			}
			compared += s.fresh(acked, seen)
		}
		for n := range s.nodes {
			s.stop(n)
		}
	}
	t.Logf("%d comparisons", compared)
	if compared < 1000 {
		t.Error("hardly any node was ever fresh")
	}
}

// fresh looks whether each node that is fresh as of another moment than was seen has what was acknowledged before, and counts that.
func (s *sim) fresh(acked, seen map[string]time.Time) (compared int) {
	s.t.Helper()
	for name, n := range s.nodes {
		if n.e == nil {
			continue
		}
		asOf := n.e.status.Load().FreshAsOf
		if asOf.Equal(seen[name]) {
			continue
		}
		seen[name] = asOf
		for key, at := range acked {
			if !at.Before(asOf) {
				continue
			}
			compared++
			if r, err := n.e.Local(key); err != nil || string(r.Value) != s.acked[key] {
				s.t.Fatalf("%s is fresh as of %v after the acknowledgement of %s, and has %q, %v", name, asOf.Sub(at), key, r.Value, err)
			}
		}
	}
	return compared
}

// A read by a lease that is held does not wait for confirmations that others wait for, which need not come.
func TestALeaseDoesNotWaitForConfirmations(t *testing.T) {
	s := newSim(t, 1, 1000, "n1", "n2", "n3")
	s.until("there is a leader", s.led)
	name := s.calm()
	l := s.nodes[name].l
	l.lease.until = time.Now().Add(time.Hour)
	var confirmed []*readRequest
	for range maxBatches + 1 {
		confirmed = append(confirmed, s.ask(name, false))
	}
	byLease := s.ask(name, true)
	for what, reads := range map[string][]*readRequest{"by lease": {byLease}, "confirmed": confirmed} {
		for _, r := range reads {
			select {
			case <-r.ready:
				if what == "confirmed" {
					t.Error("a read that nobody has confirmed is answered")
				}
			default:
				if what == "by lease" {
					t.Error("a read by lease waits")
				}
			}
		}
	}
	if len(l.reads.batches) != maxBatches || len(l.reads.queue) != 1 {
		t.Errorf("%d confirmations are under way, and %d reads wait for the next", len(l.reads.batches), len(l.reads.queue))
	}
	s.until("all are answered", func() bool {
		for _, r := range confirmed {
			select {
			case <-r.ready:
			default:
				return false
			}
		}
		return true
	})
}
