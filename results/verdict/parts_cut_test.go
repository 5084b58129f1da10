package verdict_test

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/verdict"
)

// partwise is a checker that runs a function for each part that it is asked of.
type partwise struct {
	claims
	check func(part int) error
	part  *int
}

func (p partwise) Check(context.Context, *history.History, checkers.Budget) (checkers.Verdict, error) {
	*p.part++
	return checkers.Verdict{Model: p.model, Status: checkers.Held, Evidence: enough}, p.check(*p.part)
}

// manyKeys is a history that is divided so that each part has some keys.
func manyKeys(t *testing.T) *history.Parts {
	t.Helper()
	b := history.NewBuilder(history.Header{Source: "test", Initial: history.Absent})
	for i := range 4096 {
		at := history.Time(i)*10 + 1
		b.AddPlain(history.Op{Process: 1, Session: 1, Invoke: at, Complete: at + 1, Outcome: history.OK, Error: -1, Note: -1, Node: -1}, history.Mop{Func: history.Write, Key: b.Key("k" + strconv.Itoa(i)), Arg: 1})
	}
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := history.EncodeText(&text, h); err != nil {
		t.Fatal(err)
	}
	parts, err := history.Divide(&text, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := parts.Close(); err != nil {
			t.Error(err)
		}
	})
	return parts
}

// TestLastPartIsMissing: what held in all parts but the last one is not held.
func TestLastPartIsMissing(t *testing.T) {
	for _, c := range []struct {
		name string
		// last is what happens while the first model is asked of the last part.
		last         func(interrupt func(), never chan struct{}) error
		first, other checkers.Status
		says         string
	}{
		{name: "nothing happens", last: func(func(), chan struct{}) error { return nil }, first: checkers.Held, other: checkers.Held},
		{name: "an interrupt before the second model", last: func(interrupt func(), _ chan struct{}) error { interrupt(); return nil }, first: checkers.Inconclusive, other: checkers.Inconclusive, says: "interrupted"},
		{name: "an interrupt in the midst of the first model", last: func(interrupt func(), never chan struct{}) error { interrupt(); <-never; return nil }, first: checkers.Inconclusive, other: checkers.Inconclusive, says: "interrupted"},
		{name: "the checker fails", last: func(func(), chan struct{}) error { return errors.New("out of luck") }, first: checkers.Inconclusive, other: checkers.Held, says: "failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			never := make(chan struct{})
			defer close(never)
			parts := manyKeys(t)
			first := partwise{claims{model: "first"}, func(part int) error {
				if part == parts.Len() {
					return c.last(interrupt, never)
				}
				return nil
			}, new(int)}
			second := partwise{claims{model: "second"}, func(int) error { return nil }, new(int)}
			a, _, err := verdict.AssessParts(ctx, parts, []checkers.Checker{first, second}, checkers.Budget{Workers: 1}, verdict.Require{})
			if err != nil || len(a.Verdicts) != 2 || *first.part != parts.Len() {
				t.Fatalf("%v: %+v after %d parts", err, a.Verdicts, *first.part)
			}
			for i, want := range []checkers.Status{c.first, c.other} {
				v := a.Verdicts[i]
				if v.Status != want || want == checkers.Inconclusive && !strings.Contains(strings.Join(v.Reasons, "; "), c.says) {
					t.Errorf("%s is %s (%v), want %s because it %s", v.Model, v.Status, v.Reasons, want, c.says)
				}
				if failed := i == 0 && c.says == "failed"; v.NotDecided != failed {
					t.Errorf("%s: not decided: %v; it was asked of some part and failed: %v", v.Model, v.NotDecided, failed)
				}
			}
		})
	}
}
