package verdict

import (
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
)

// TestLostDriver: a model is not held by a run that lost a driver for good; a violation stands.
func TestLostDriver(t *testing.T) {
	for _, c := range []struct {
		name   string
		events []history.Driver
		status checkers.Status
		want   checkers.Status
	}{
		{"none", nil, checkers.Held, checkers.Held},
		{"joined", []history.Driver{{Name: "eu", What: history.DriverJoined}}, checkers.Held, checkers.Held},
		{"lost", []history.Driver{{Name: "eu", What: history.DriverJoined}, {Name: "eu", What: history.DriverLost, Why: "gone"}}, checkers.Held, checkers.Inconclusive},
		{"lost, and a violation", []history.Driver{{Name: "eu", What: history.DriverJoined}, {Name: "eu", What: history.DriverLost, Why: "gone"}}, checkers.Violated, checkers.Violated},
		{"another in its place", []history.Driver{
			{Name: "eu", What: history.DriverJoined}, {Name: "eu", What: history.DriverLost, Why: "gone"}, {Name: "eu2", What: history.DriverJoined},
		}, checkers.Held, checkers.Held},
		{"another in another place", []history.Driver{
			{Name: "eu", What: history.DriverJoined}, {Name: "eu", What: history.DriverLost, Why: "gone"}, {Name: "us", Seat: 1, What: history.DriverJoined},
		}, checkers.Held, checkers.Inconclusive},
	} {
		b := history.NewBuilder(history.Header{Source: "lapse"})
		b.AddPlain(history.Op{Complete: 1, Outcome: history.OK, Error: -1, Note: -1, Node: -1}, history.Mop{Func: history.Write, Arg: 1})
		for i, d := range c.events {
			e, err := history.NewEvent(history.Time(i), &d)
			if err != nil {
				t.Fatal(err)
			}
			b.AddEvent(e)
		}
		h, err := b.History()
		if err != nil {
			t.Fatal(err)
		}
		v := Require{}.Judge(h, checkers.Verdict{Model: "linearizable", Status: c.status, Evidence: checkers.Evidence{OK: 1}})
		if v.Status != c.want {
			t.Errorf("%s: %s, want %s", c.name, v.Status, c.want)
		}
		if told := strings.Contains(strings.Join(v.Reasons, " "), "driver eu was lost"); told != (v.Status == checkers.Inconclusive) {
			t.Errorf("%s: %q", c.name, v.Reasons)
		}
	}
}
