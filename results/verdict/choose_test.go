package verdict_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/verdict"
)

// asked is a checker of a family that runs a function when it is asked whether it applies.
type asked struct {
	family
	applies func() error
}

func (a asked) Applies(*history.History) error { return a.applies() }

// TestFamilyIsAskedOnce: whether models apply that share their work is one look at the history.
func TestFamilyIsAskedOnce(t *testing.T) {
	for _, refused := range []error{nil, errors.New("no")} {
		n := 0
		var list []checkers.Checker
		for _, model := range []string{"a", "b", "c"} {
			list = append(list, asked{family{claims{model: model}}, func() error { n++; return refused }})
		}
		a := verdict.Assess(t.Context(), staleHistory(t), list, checkers.Budget{}, verdict.Require{})
		if n != 1 {
			t.Errorf("asked %d times", n)
		}
		if want := map[bool]int{true: 3, false: 0}[refused == nil]; len(a.Verdicts) != want || len(a.NotChecked) != 3-want {
			t.Errorf("%v: %d verdicts, and not checked: %v", refused, len(a.Verdicts), a.NotChecked)
		}
	}
}

// TestInterruptWhileChoosing has a model that never says whether it applies: an interrupt ends
// the assessment all the same, and nothing is held.
func TestInterruptWhileChoosing(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	never := make(chan struct{})
	defer close(never)
	endless := asked{family{claims{model: "endless"}}, func() error { interrupt(); <-never; return nil }}
	a := verdict.Assess(ctx, staleHistory(t), []checkers.Checker{claims{model: "before"}, endless}, checkers.Budget{}, verdict.Require{})
	if len(a.Verdicts) != 2 || a.Status != checkers.Inconclusive {
		t.Fatalf("%s: %+v", a.Status, a.Verdicts)
	}
	for _, v := range a.Verdicts {
		if v.Status != checkers.Inconclusive || len(v.Reasons) != 1 || !strings.Contains(v.Reasons[0], "interrupted") {
			t.Errorf("%+v", v)
		}
	}
}
