package drivers

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// TestElsewhere: a driver at whose addresses there is another database than the run's is not admitted, whenever it comes
// and whatever the other nodes show; the same where all is the run's is.
func TestElsewhere(t *testing.T) {
	for _, late := range []bool{true, false} {
		for _, elsewhere := range []bool{true, false} {
			db := newRegister()
			db.shows = func(node int) error {
				if elsewhere && node == 1 {
					return targets.ErrElsewhere
				}
				return nil
			}
			p := newPlace(db, []string{"n1:1", "n2:1"})
			p.patience = 0
			err := p.admit(t.Context(), late)
			if errors.Is(err, targets.ErrElsewhere) != elsewhere || elsewhere && !strings.Contains(err.Error(), "n2:1") {
				t.Errorf("late %v, elsewhere %v: %v", late, elsewhere, err)
			}
		}
	}
}

// TestLateDriver: while a fault is on, a driver takes its place as soon as one node has shown what it is. What is asked of
// the others fails and is not sent, until they have.
func TestLateDriver(t *testing.T) {
	s := newStand(t, 1)
	s.fake("eu", func(*message) []*message { return nil })
	s.begin()
	s.worker(0, targets.Session{ID: 1}).do(history.Mop{Func: history.Read})
	s.awaitLost()

	down := errors.New("a partition")
	var mu sync.Mutex
	fault := map[int]error{0: down}
	s.db.shows = func(node int) error {
		mu.Lock()
		defer mu.Unlock()
		return fault[node]
	}
	p := newPlace(s.db, []string{"n1:1", "n2:1"})
	if err := p.admit(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if err := p.shows(t.Context(), 0); !errors.Is(err, down) || !strings.Contains(err.Error(), "n1:1") {
		t.Errorf("the node behind the partition: %v", err)
	}
	d := &driver{place: p}
	c := &client{c: &registerClient{r: s.db}, txn: history.Txn{Mops: []history.Mop{{Func: history.Write, Arg: 3}}}}
	if res := d.ask(t.Context(), c, 0); res.Outcome != history.Fail || len(s.db.values[0]) != 0 {
		t.Errorf("it was asked: %+v", res)
	}
	if res := d.ask(t.Context(), c, 1); res.Outcome != history.OK {
		t.Errorf("the other node: %+v", res)
	}
	mu.Lock()
	fault[0] = nil
	mu.Unlock()
	if res := d.ask(t.Context(), c, 0); res.Outcome != history.OK {
		t.Errorf("after the fault: %+v", res)
	}
	mu.Lock()
	fault[0], fault[1] = down, down // what was shown once counts
	mu.Unlock()
	if res := d.ask(t.Context(), c, 0); res.Outcome != history.OK {
		t.Errorf("in the next fault: %+v", res)
	}
}

// TestLateDriverLooksAgain: a driver that comes while nothing lets it in takes its place when something does.
func TestLateDriverLooksAgain(t *testing.T) {
	s := newStand(t, 1)
	s.fake("eu", func(*message) []*message { return nil })
	s.begin()
	s.worker(0, targets.Session{ID: 1}).do(history.Mop{Func: history.Read})
	s.awaitLost()
	tries := 0
	s.driven.Go(func() {
		_, _ = Drive(context.Background(), DriveConfig{
			Addr: s.c.Addr(), Name: "us", Token: s.token, Lapse: version, Note: func(string) {},
			Join: func(_ context.Context, job *Job) (targets.Joined, error) {
				if !job.Late {
					t.Error("it is not told that it comes late")
				}
				if tries++; tries < 3 {
					return nil, errors.New("a partition")
				}
				return s.db, nil
			},
		})
	})
	s.full()
	if res, _ := s.worker(0, targets.Session{ID: 2}).do(history.Mop{Func: history.Read}); res.Outcome != history.OK || tries != 3 {
		t.Errorf("after %d tries: %+v", tries, res)
	}
}

// TestCounts: what the clients of drivers made the system count reaches the run, all of it.
func TestCounts(t *testing.T) {
	s := newStand(t, 2)
	s.drive("eu", nil)
	s.drive("us", nil)
	s.begin()
	for i := range 4 {
		w := s.worker(i, targets.Session{ID: int32(i + 1)})
		for range 5 {
			w.do(history.Mop{Func: history.Read})
		}
	}
	if got := s.counted.Load(); got != 20 {
		t.Errorf("%d of 20 operations were counted", got)
	}
}
