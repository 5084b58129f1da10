package drivers

import (
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// TestSessionMoves: a session goes on at another driver with its number and with what it carried.
func TestSessionMoves(t *testing.T) {
	s := newStand(t, 2)
	s.drive("eu", nil)
	s.drive("us", nil)
	s.begin()
	w := s.worker(0, targets.Session{ID: 7})
	if !w.client.Carry().IsZero() {
		t.Errorf("at first it carries %+v", w.client.Carry())
	}
	w.do(history.Mop{Func: history.Write, Arg: 5})
	carried := w.client.Carry()
	if carried.Token != "5" || carried.LastWrite.IsZero() || carried.LastWrite.After(time.Now()) {
		t.Fatalf("after a write it carries %+v", carried)
	}
	if err := w.client.Close(); err != nil {
		t.Fatal(err)
	}
	next := s.worker(1, targets.Session{ID: 7, Carried: carried})
	if res, m := next.do(history.Mop{Func: history.Read}); res.Outcome != history.OK || m.Ret != 5 {
		t.Errorf("the next client: %+v, %s", res, m.Ret)
	}
	if w.client.seat == next.client.seat {
		t.Error("both clients are at one driver")
	}
	last := s.db.sessions[len(s.db.sessions)-1]
	if last.ID != 7 || last.Carried.Token != "5" || last.Carried.LastWrite.IsZero() {
		t.Errorf("the database saw %+v", last)
	}
}

// TestForeignValue: what the database returned and nobody wrote is the text that it was.
func TestForeignValue(t *testing.T) {
	s := newStand(t, 1)
	s.drive("eu", nil)
	s.begin()
	_, m := s.worker(0, targets.Session{ID: 1}).do(history.Mop{Func: history.Read, Key: foreign})
	if got := s.history().ValueText(m.Ret); !strings.Contains(got, "<b>somebody else's</b>") {
		t.Errorf("it is told as %s", got)
	}
}
