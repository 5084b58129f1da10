package staleness

import (
	"context"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
)

// TestBoundsWithoutTimes: where stamps are numbers of events, a bound in time decides of no stale read, and one in versions does.
func TestBoundsWithoutTimes(t *testing.T) {
	for _, c := range []struct {
		model, clock string
		stale        bool
		status       checkers.Status
		says         string
	}{
		{Model, "", true, checkers.Violated, ""},
		{Model, history.ClockOrder, true, checkers.Violated, ""},
		{Model + ":1ms", "", true, checkers.Held, ""},
		{Model + ":1ns", "", true, checkers.Violated, ""},
		{Model + ":1ms", history.ClockOrder, true, checkers.Inconclusive, "1 read was stale, for how long is not known, as the history has no times: give a bound in versions alone"},
		{Model + ":1ns", history.ClockOrder, true, checkers.Inconclusive, "1 read was stale"},
		{Model + ":1ms", history.ClockOrder, false, checkers.Held, ""},
		{Model + ":1:1ns", "", true, checkers.Violated, ""},
		{Model + ":1:1ns", history.ClockOrder, true, checkers.Inconclusive, "1 read was more than 1 version behind"},
		{Model + ":2:1ns", history.ClockOrder, true, checkers.Held, ""},
		{Model + ":1", history.ClockOrder, true, checkers.Violated, ""},
		{Model + ":2", history.ClockOrder, true, checkers.Held, ""},
	} {
		header := history.Header{Source: "test", Initial: history.Absent, Attributes: map[string]string{}}
		if c.clock != "" {
			header.Attributes[history.AttributeClock] = c.clock
		}
		b := history.NewBuilder(header)
		at := history.Time(0)
		add := func(process int32, m history.Mop) {
			b.AddPlain(history.Op{Process: process, Session: process, Invoke: at, Complete: at + 1, Outcome: history.OK, Error: -1, Note: -1, Node: -1}, m)
			at += 2
		}
		for v := range history.Value(3) {
			add(0, history.Mop{Func: history.Write, Arg: v + 1})
		}
		read := history.Value(3)
		if c.stale {
			read = 1 // two versions behind
		}
		add(1, history.Mop{Func: history.Read, Ret: read, Flags: history.Observed})
		h, err := b.History()
		if err != nil {
			t.Fatal(err)
		}
		bound, err := Parse(c.model)
		if err != nil {
			t.Fatal(err)
		}
		checker, err := New(bound)
		if err != nil {
			t.Fatal(err)
		}
		v, err := checker.Check(context.Background(), h, checkers.Budget{MaxViolations: 2})
		if err != nil || v.Status != c.status || !strings.Contains(strings.Join(v.Reasons, "; "), c.says) {
			t.Errorf("%s, clock %q: %s, %q, %v, want %s", c.model, c.clock, v.Status, v.Reasons, err, c.status)
		}
	}
}
