package drivers

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// counted is a clock that goes three times as fast as time, from somewhere, and counts how often it was read.
type counted struct {
	began time.Time
	n     atomic.Int64
}

func (c *counted) read() time.Duration {
	c.n.Add(1)
	return 40*time.Hour + 3*time.Since(c.began)
}

// TestNarrowing: the answer to a write waits at its driver while that driver's clock is read. Then the write is known
// to have ended before a read at another driver began, so that a read which does not see it is found; if the
// interval of the write went on until its answer came, the two would overlap and nothing could be said.
func TestNarrowing(t *testing.T) {
	for _, stale := range []bool{true, false} {
		s := newStand(t, 2)
		clock := &counted{began: time.Now()}
		s.drive("eu", clock.read)
		s.begun("eu")
		s.drive("us", bent(9))
		s.begin()
		s.db.stale = stale
		writer, reader := s.worker(0, targets.Session{ID: 1}), s.worker(1, targets.Session{ID: 2})
		writer.do(history.Mop{Func: history.Write, Arg: 1})

		answered, told := make(chan struct{}), make(chan struct{})
		var once atomic.Bool
		s.db.linger = func() {
			if once.CompareAndSwap(false, true) {
				close(answered)
				<-told
			}
		}
		over := make(chan struct{})
		go func() {
			defer close(over)
			writer.do(history.Mop{Func: history.Write, Arg: 2})
		}()
		<-answered
		// Readings are one after the other: when the second one from now on begins, the first has ended.
		for n := clock.n.Load(); clock.n.Load() < n+3; {
			time.Sleep(time.Millisecond)
		}
		reader.do(history.Mop{Func: history.Read})
		close(told)
		<-over
		h := s.history()
		want := map[bool]checkers.Status{true: checkers.Violated, false: checkers.Held}[stale]
		if got := s.status(h); got != want {
			t.Errorf("stale %v: %s, want %s", stale, got, want)
		}
		if w, r := h.Ops[1], h.Ops[2]; w.Complete >= r.Invoke {
			t.Errorf("the write ended at %d ns, the read began at %d ns", w.Complete, r.Invoke)
		}
	}
}

// begun waits until a driver of that name has a seat.
func (s *stand) begun(name string) {
	s.until(func() bool {
		return slices.ContainsFunc(s.c.seats, func(seat *seat) bool { return seat != nil && seat.name == name })
	})
}
