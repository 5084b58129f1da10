package drivers

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// bent is a clock that runs fast or slow, stands still, and jumps both ways.
func bent(seed uint64) func() time.Duration {
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(seed, 3))
	began := time.Now()
	pace, at, off := 1.0, time.Duration(0), time.Duration(r.IntN(int(time.Hour)))
	return func() time.Duration {
		mu.Lock()
		defer mu.Unlock()
		now := time.Since(began)
		off += time.Duration(float64(now-at) * pace)
		at = now
		switch r.IntN(20) {
		case 0:
			pace = r.Float64() * 3
		case 1:
			pace = 0
		case 2:
			off += time.Duration(r.IntN(int(time.Second)))
		case 3:
			off -= time.Duration(r.IntN(int(time.Second)))
		}
		return off
	}
}

// TestBentClocksRaiseNoAlarm: drivers whose clocks are good for nothing do what several clients ask
// of registers that are linearizable, and no run is blamed.
func TestBentClocksRaiseNoAlarm(t *testing.T) {
	for seed := range uint64(12) {
		s := newStand(t, 3)
		for i, name := range []string{"eu", "us", "ap"} {
			s.drive(name, bent(10*seed+uint64(i)))
		}
		s.begin()
		var group sync.WaitGroup
		for i := range 6 {
			w := s.worker(i, targets.Session{ID: int32(i + 1)})
			r := rand.New(rand.NewPCG(seed, uint64(i)))
			group.Go(func() {
				for n := range 40 {
					m := history.Mop{Func: history.Read, Key: history.Key(n / 10)}
					if r.IntN(2) == 0 {
						m.Func, m.Arg = history.Write, history.Value(1+i+6*n)
					}
					if res, _ := w.do(m); res.Outcome != history.OK {
						t.Errorf("seed %d: %v", seed, res.Err)
					}
				}
			})
		}
		group.Wait()
		h := s.history()
		if got := s.status(h); got != checkers.Held || len(h.Ops) != 240 {
			t.Fatalf("seed %d: %d operations of a linearizable register: %s", seed, len(h.Ops), got)
		}
	}
}

// TestStaleReadIsFound: a read that another driver's client began after a write had been answered, and that
// does not see it, is found whatever the clocks say; the same with the value that was written is fine.
func TestStaleReadIsFound(t *testing.T) {
	for _, stale := range []bool{true, false} {
		for seed := range uint64(5) {
			s := newStand(t, 2)
			s.drive("eu", bent(seed))
			s.drive("us", bent(seed+100))
			s.begin()
			s.db.stale = stale
			a, b := s.worker(0, targets.Session{ID: 1}), s.worker(1, targets.Session{ID: 2})
			a.do(history.Mop{Func: history.Write, Arg: 1})
			a.do(history.Mop{Func: history.Write, Arg: 2})
			b.do(history.Mop{Func: history.Read})
			want := map[bool]checkers.Status{true: checkers.Violated, false: checkers.Held}[stale]
			if got := s.status(s.history()); got != want {
				t.Errorf("seed %d, stale %v: %s, want %s", seed, stale, got, want)
			}
		}
	}
}
