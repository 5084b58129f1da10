package verdict_test

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/registry"
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

// givingUp is a checker that is interrupted in the midst of its work and gives up in time, as one whose time ran out does.
type givingUp struct {
	claims
	interrupt func()
}

func (g givingUp) Check(context.Context, *history.History, checkers.Budget) (checkers.Verdict, error) {
	g.interrupt()
	return checkers.Verdict{Model: g.model, Status: checkers.Inconclusive, Unfinished: true, Reasons: []string{checkers.TimeRanOut}, Evidence: enough}, nil
}

// TestInterruptOfPartsIsNotTheBudget: of a history that is checked part by part, every model that an interrupt left undecided, before
// the first part or in the midst of them, says that it was interrupted, and none in words of a context or of a budget.
func TestInterruptOfPartsIsNotTheBudget(t *testing.T) {
	for _, in := range []int{-1, 0, 1, 2} { // -1: in the midst of a checker
		parts := manyKeys(t)
		ctx, interrupt := context.WithCancel(t.Context())
		defer interrupt()
		at := partwise{claims{model: "the interrupt"}, func(part int) error {
			if part == in {
				interrupt()
			}
			return nil
		}, new(int)}
		if in == 0 {
			interrupt()
		}
		models := []checkers.Checker{at}
		if in < 0 {
			models = []checkers.Checker{givingUp{claims{model: "the interrupt"}, interrupt}}
		}
		for _, e := range registry.All() {
			if c := e.New(); c.Model().Local && c.Applies(&history.History{}) == nil {
				models = append(models, c)
			}
		}
		a, _, err := verdict.AssessParts(ctx, parts, models, checkers.Budget{Workers: 1}, verdict.Require{})
		if err != nil || len(a.Verdicts) < 5 { // those of which no part can be are left out
			t.Fatalf("interrupted in part %d: %v, %d verdicts of %d models", in, err, len(a.Verdicts), len(models))
		}
		for i := range a.Verdicts {
			v := &a.Verdicts[i]
			said := append([]string{}, v.Reasons...)
			for _, u := range v.Undecided {
				said = append(said, u.Reason)
			}
			all := strings.Join(said, "; ")
			if v.Status != checkers.Inconclusive || strings.Contains(all, "context") || strings.Contains(all, checkers.TimeRanOut) || !strings.Contains(all, "interrupted") {
				t.Errorf("interrupted in part %d: %s is %s and says %q", in, v.Model, v.Status, all)
			}
		}
	}
}
