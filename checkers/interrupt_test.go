package checkers_test

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/registry"
	"github.com/lapse-test/lapse/history"
)

// TestInterruptIsNotTheBudget: of every model, a check that was given up leaves nothing undecided in words of its own, such as those of a context:
// it says that the time ran out, and Interrupted that it was interrupted.
func TestInterruptIsNotTheBudget(t *testing.T) {
	b := history.NewBuilder(history.Header{Source: "test", Initial: history.Absent})
	for i := range 100 {
		for j, m := range []history.Mop{{Func: history.Write, Arg: history.Value(i + 1)}, {Func: history.Read, Ret: history.Value(i + 1)}} {
			m.Key = b.Key("k" + strconv.Itoa(i%7))
			at := history.Time(i*20+j*10) + 1
			b.AddPlain(history.Op{Process: 1, Session: 1, Invoke: at, Complete: at + 1, Outcome: history.OK, Error: -1, Note: -1, Node: -1}, m)
		}
	}
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	checked := 0
	for _, e := range registry.All() {
		c := e.New()
		if checkers.NewApplicability(h).Of(c) != nil {
			continue
		}
		v, err := c.Check(ctx, h, checkers.Budget{})
		if err != nil {
			t.Errorf("%s: %v", e.Name, err)
			continue
		}
		if v.Status == checkers.Held {
			continue // decided all the same: so few operations are no work
		}
		checkers.Interrupted(&v)
		said := append([]string{}, v.Reasons...)
		for _, u := range v.Undecided {
			said = append(said, u.Reason)
		}
		all := strings.Join(said, "; ")
		if strings.Contains(all, "context") || strings.Contains(all, checkers.TimeRanOut) {
			t.Errorf("%s says %q", e.Name, all)
		}
		if strings.Contains(all, checkers.Interrupt) {
			checked++
		}
	}
	if checked < 10 {
		t.Errorf("only %d models were interrupted", checked)
	}
}
