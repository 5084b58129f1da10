package verdict_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/linearizable"
	"github.com/lapse-test/lapse/checkers/registry"
	"github.com/lapse-test/lapse/checkers/regular"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/verdict"
)

// claims is a checker that says what it was told to say.
type claims struct {
	model   string
	verdict checkers.Verdict
	err     error
}

func (c claims) Model() checkers.Model {
	if m, ok := registry.Find(c.model); ok {
		return m
	}
	return checkers.Model{Name: c.model}
}

func (c claims) Applies(*history.History) error { return nil }
func (c claims) Check(context.Context, *history.History, checkers.Budget) (checkers.Verdict, error) {
	return c.verdict, c.err
}

// enough is evidence that makes a verdict count.
var enough = checkers.Evidence{OK: 1000, Reads: 500, Writes: 500, AtRisk: 500, Overlapping: 500, Keys: 1}

// family is claims decided together, of which the one that is broken takes the others
// along when it is asked with them.
type family struct{ claims }

func (f family) Family() string { return "claims" }
func (f family) CheckTogether(_ context.Context, _ *history.History, _ checkers.Budget, models []string) ([]checkers.Verdict, error) {
	var out []checkers.Verdict
	for _, m := range models {
		if m == "broken" {
			return nil, errors.New("cannot go on")
		}
		out = append(out, checkers.Verdict{Model: m, Status: checkers.Held, Evidence: enough})
	}
	return out, nil
}

// TestOneFailureCostsOneModel puts checkers that go wrong beside ones that do not.
func TestOneFailureCostsOneModel(t *testing.T) {
	h := staleHistory(t)
	nothing := checkers.Violation{Model: regular.Safe, Anomaly: "stale read", Ops: []int{0}}
	invented := claims{model: regular.Safe, verdict: checkers.Verdict{Model: regular.Safe, Status: checkers.Violated, Total: 3, Violations: []checkers.Violation{nothing}}}
	failing := claims{model: "failing", err: errors.New("failing: out of luck")}
	holding := claims{model: "holding", verdict: checkers.Verdict{Model: "holding", Status: checkers.Held, Evidence: enough}}
	violated := linearizable.New(linearizable.Auto)
	for _, c := range []struct {
		name   string
		models []checkers.Checker
		failed string
		exit   int
		status checkers.Status
	}{
		{"nothing fails", []checkers.Checker{holding}, "", verdict.ExitHeld, checkers.Held},
		{"a checker fails", []checkers.Checker{failing, holding}, "failing", verdict.ExitBug, checkers.Inconclusive},
		{"a witness proves nothing", []checkers.Checker{invented, holding}, regular.Safe, verdict.ExitBug, checkers.Inconclusive},
		{"a violation stands beside a failure", []checkers.Checker{failing, violated}, "failing", verdict.ExitViolated, checkers.Violated},
		{"a violation stands beside an invented one", []checkers.Checker{invented, violated}, regular.Safe, verdict.ExitViolated, checkers.Violated},
		{"one of a family", []checkers.Checker{family{claims{model: "broken"}}, family{claims{model: "sound"}}}, "broken", verdict.ExitBug, checkers.Inconclusive},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := verdict.Assess(t.Context(), h, c.models, checkers.Budget{}, verdict.Require{})
			var failed []string
			for _, f := range a.Failures {
				failed = append(failed, f.Model)
			}
			if got := strings.Join(failed, " "); got != c.failed || (a.Err() == nil) != (c.failed == "") {
				t.Errorf("failed: %q (%v), want %q", got, a.Err(), c.failed)
			}
			if e := a.Exit(); e.Code != c.exit || a.Status != c.status {
				t.Errorf("exit %d, status %s, want %d, %s", e.Code, a.Status, c.exit, c.status)
			}
			if len(a.Verdicts) != len(c.models) {
				t.Fatalf("%d verdicts of %d models", len(a.Verdicts), len(c.models))
			}
			for _, v := range a.Verdicts {
				if v.NotDecided != (v.Model == c.failed) {
					t.Errorf("%s: not decided: %v", v.Model, v.NotDecided)
				}
				if v.Model == c.failed && (v.Status != checkers.Inconclusive || v.Total != 0 || len(v.Reasons) == 0) {
					t.Errorf("the model that failed is %s, %d violations, %v", v.Status, v.Total, v.Reasons)
				}
				if v.Model == "sound" && v.Status != checkers.Held {
					t.Errorf("the sound one of the family is %s", v.Status)
				}
			}
		})
	}
}
