package drivers

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// TestLostDriver: what a driver has told is kept, what it was asked is indeterminate, its loss is
// recorded, and another one takes its place.
func TestLostDriver(t *testing.T) {
	s := newStand(t, 1)
	asked := make(chan struct{})
	n := 0
	s.fake("eu", func(m *message) []*message { // it answers once and then dies
		if n++; n == 2 {
			close(asked)
			return nil
		}
		return []*message{done(m)}
	})
	s.begin()
	w := s.worker(0, targets.Session{ID: 1})
	if res, _ := w.do(history.Mop{Func: history.Write, Arg: 1}); res.Outcome != history.OK {
		t.Errorf("before: %+v", res)
	}
	res, _ := w.do(history.Mop{Func: history.Write, Arg: 2})
	<-asked
	if res.Outcome != history.Info || !res.Broken || !strings.Contains(res.Err.Error(), "driver eu is lost") {
		t.Errorf("the operation that it was asked: %+v", res)
	}
	if res := w.client.Do(t.Context(), 0, &history.Txn{Mops: []history.Mop{{Func: history.Read}}}); res.Outcome != history.Fail {
		t.Errorf("what was never sent: %+v", res)
	}
	s.awaitLost()
	if _, err := s.c.Open(t.Context(), 0, targets.Session{ID: 2}); err == nil || !strings.Contains(err.Error(), "driver 1 of 1 is lost") {
		t.Errorf("a client of a driver that is lost: %v", err)
	}
	s.drive("us", nil)
	s.full()
	if res, _ := s.worker(0, targets.Session{ID: 3}).do(history.Mop{Func: history.Read}); res.Outcome != history.OK {
		t.Errorf("the driver in its place: %+v", res)
	}
	h := s.history()
	if len(h.Ops) != 3 || h.Ops[0].Outcome != history.OK || h.Ops[1].Complete != history.Never {
		t.Errorf("%+v", h.Ops)
	}
	var told []string
	for i := range h.Events {
		if d, ok := h.Events[i].Driver(); ok && d.What != history.DriverClock {
			told = append(told, strings.TrimSpace(d.Name+" "+d.What+" "+d.Replaces))
			if d.Replaces != "" && d.Empty <= 0 {
				t.Errorf("the place was empty for %d ns", d.Empty)
			}
		}
	}
	if got := strings.Join(told, ", "); got != "eu joined, eu lost, us joined eu" {
		t.Errorf("recorded: %s", got)
	}
}

// TestDriverEnds: with the run, with its own context, and when the run is gone.
func TestDriverEnds(t *testing.T) {
	s := newStand(t, 1)
	over := s.drive("eu", nil)
	s.begin()
	s.c.End()
	if err := <-over; err != nil {
		t.Errorf("at the end of the run: %v", err)
	}
	s = newStand(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error, 1)
	s.driven.Go(func() {
		_, err := Drive(ctx, DriveConfig{
			Addr: s.c.Addr(), Name: "eu", Token: s.token, Lapse: version, Note: func(string) {},
			Join: func(context.Context, *Job) (targets.Joined, error) { return s.db, nil },
		})
		left <- err
	})
	s.begin()
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	s = newStand(t, 1)
	over = s.drive("eu", nil)
	s.begin()
	s.c.mu.Lock()
	conn := s.c.seats[0].conn
	s.c.mu.Unlock()
	_ = conn.Close()
	if err := <-over; err == nil || !strings.Contains(err.Error(), "the run is gone") {
		t.Errorf("without the run: %v", err)
	}
}

// TestStoppedTerminal: while nobody takes the line that says that one driver is lost, the other one works, and another
// takes the place; then the lines come in their order.
func TestStoppedTerminal(t *testing.T) {
	s := newStand(t, 2)
	s.stopped = make(chan struct{})
	s.fake("eu", func(*message) []*message { return nil })
	s.begun("eu")
	s.drive("us", nil)
	s.begin()
	s.worker(0, targets.Session{ID: 1}).do(history.Mop{Func: history.Read})
	s.awaitLost()
	if res, _ := s.worker(1, targets.Session{ID: 2}).do(history.Mop{Func: history.Read}); res.Outcome != history.OK {
		t.Errorf("the other driver: %+v", res)
	}
	s.drive("ap", nil)
	s.full()
	if res, _ := s.worker(0, targets.Session{ID: 3}).do(history.Mop{Func: history.Read}); res.Outcome != history.OK {
		t.Errorf("the one in its place: %+v", res)
	}
	close(s.stopped)
	s.c.End()
	all := strings.Join(s.notes, "\n")
	if lost, joined := strings.Index(all, "driver eu is lost"), strings.Index(all, "driver ap joined, 2 of 2; the place of eu"); lost < 0 || joined < lost {
		t.Errorf("%q", s.notes)
	}
}
