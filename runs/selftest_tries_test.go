package runs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/results/figures"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
)

// TestSelftestTries: which runs a case gets, and what is said of them. Nothing runs: what each run would end with is given.
func TestSelftestTries(t *testing.T) {
	held := assessed(checkers.Verdict{Model: "linearizable", Status: checkers.Held})
	violated := assessed(
		checkers.Verdict{Model: "linearizable", Status: checkers.Violated, Total: 3, Violations: []checkers.Violation{{Anomaly: "stale read", Sentence: "a stale read"}}},
		checkers.Verdict{Model: "eventual", Status: checkers.Held},
		checkers.Verdict{Model: "read-your-writes", Status: checkers.Violated, Total: 2})
	tooFew := assessed(
		checkers.Verdict{Model: "linearizable", Status: checkers.Inconclusive, Reasons: []string{"only 3 operations succeeded"}},
		checkers.Verdict{Model: "eventual", Status: checkers.Held})
	ranOut := assessed(
		checkers.Verdict{Model: "linearizable", Status: checkers.Inconclusive, Unfinished: true, Reasons: []string{"the budget ran out"}},
		checkers.Verdict{Model: "eventual", Status: checkers.Inconclusive, Reasons: []string{"only 3 operations succeeded"}})
	broken := assessed(checkers.Verdict{Model: "linearizable", Status: checkers.Inconclusive})
	broken.Failures = []verdict.Failure{{}}
	unchecked := verdict.Assessment{Status: checkers.Inconclusive}

	for _, c := range []struct {
		name         string
		bad, control []verdict.Assessment
		runs         string
		passed       bool
		want         SelfTested
	}{
		{"at once", []verdict.Assessment{violated}, []verdict.Assessment{held}, "bad 5, control 5", true,
			SelfTested{Caught: true, Try: 1, Seed: 5, Violations: 5, Control: checkers.Held, ControlSeed: 5}},
		{"by the second seed", []verdict.Assessment{held, violated}, []verdict.Assessment{held}, "bad 5, bad 6, control 6", true,
			SelfTested{Caught: true, Try: 2, Seed: 6, Violations: 5, Missed: []string{"run 1"}, Control: checkers.Held, ControlSeed: 6}},
		{"by the third, after runs with too little in them", []verdict.Assessment{tooFew, ranOut, violated}, []verdict.Assessment{held}, "bad 5, bad 6, bad 7, control 7", true,
			SelfTested{Caught: true, Try: 3, Seed: 7, Violations: 5, Missed: []string{"run 1", "run 2"}, Control: checkers.Held, ControlSeed: 7}},
		{"never", []verdict.Assessment{held, held, held, violated}, []verdict.Assessment{held}, "bad 5, bad 6, bad 7, control 7", false,
			SelfTested{Try: 3, Seed: 7, Missed: []string{"run 1", "run 2"}, Control: checkers.Held, ControlSeed: 7}},
		{"a control that is violated stands", []verdict.Assessment{violated}, []verdict.Assessment{violated, held}, "bad 5, control 5", false,
			SelfTested{Caught: true, Try: 1, Seed: 5, Violations: 5, Control: checkers.Violated, ControlSeed: 5, ControlReasons: []string{"a stale read"}}},
		{"a control with too little in it", []verdict.Assessment{violated}, []verdict.Assessment{tooFew, held}, "bad 5, control 5, control 6", true,
			SelfTested{Caught: true, Try: 1, Seed: 5, Violations: 5, Control: checkers.Held, ControlSeed: 6, ControlThin: []string{"run 2"}}},
		{"a control that is violated in its second run", []verdict.Assessment{violated}, []verdict.Assessment{tooFew, violated, held}, "bad 5, control 5, control 6", false,
			SelfTested{Caught: true, Try: 1, Seed: 5, Violations: 5, Control: checkers.Violated, ControlSeed: 6, ControlThin: []string{"run 2"}, ControlReasons: []string{"a stale read"}}},
		{"a control with too little in it each time", []verdict.Assessment{violated}, []verdict.Assessment{tooFew, tooFew, tooFew, held}, "bad 5, control 5, control 6, control 7", false,
			SelfTested{Caught: true, Try: 1, Seed: 5, Violations: 5, Control: checkers.Inconclusive, ControlSeed: 7, ControlThin: []string{"run 2", "run 3"},
				ControlReasons: []string{"only 3 operations succeeded"}}},
		{"a control whose search was not finished", []verdict.Assessment{violated}, []verdict.Assessment{ranOut, held}, "bad 5, control 5", false,
			SelfTested{Caught: true, Try: 1, Seed: 5, Violations: 5, Control: checkers.Inconclusive, ControlSeed: 5,
				ControlReasons: []string{"the budget ran out", "only 3 operations succeeded"}}},
		{"a control whose checker failed", []verdict.Assessment{violated}, []verdict.Assessment{broken, held}, "bad 5, control 5", false,
			SelfTested{Caught: true, Try: 1, Seed: 5, Violations: 5, Control: checkers.Inconclusive, ControlSeed: 5}},
		{"a control that nothing checked", []verdict.Assessment{violated}, []verdict.Assessment{unchecked, held}, "bad 5, control 5", false,
			SelfTested{Caught: true, Try: 1, Seed: 5, Violations: 5, Control: checkers.Inconclusive, ControlSeed: 5}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var ran, labels []string
			fake := func(_ context.Context, r Request, seed uint64, label string) (*store.Summary, error) {
				kind, next := "control", &c.control
				if r.Options["defects"] != "" {
					kind, next = "bad", &c.bad
				}
				ran, labels = append(ran, fmt.Sprint(kind, " ", seed)), append(labels, label)
				if len(*next) == 0 {
					t.Fatalf("asked for more runs than there should be: %v", ran)
				}
				a := (*next)[0]
				*next = (*next)[1:]
				return &store.Summary{Run: fmt.Sprint("run ", len(ran)), Assessment: a}, nil
			}
			got, err := selftest(t.Context(), Case{Defect: "stale-cache", Request: Request{Options: correct(nil)}}, 5, fake)
			if err != nil {
				t.Fatal(err)
			}
			if is := strings.Join(ran, ", "); is != c.runs {
				t.Errorf("ran %s, want %s", is, c.runs)
			}
			if len(slices.Compact(slices.Sorted(slices.Values(labels)))) != len(ran) {
				t.Errorf("two runs have one label: %q", labels)
			}
			if got.Passed() != c.passed {
				t.Errorf("passed: %v, want %v", got.Passed(), c.passed)
			}
			c.want.Defect, c.want.What = got.Defect, describe("stale-cache")
			c.want.Run, c.want.ControlRun = got.Run, got.ControlRun
			if c.want.Caught {
				c.want.By, c.want.Anomaly = []string{"linearizable", "read-your-writes"}, "stale read"
			}
			if is, want := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", c.want); is != want {
				t.Errorf("got\n%s, want\n%s", is, want)
			}
			if want := fmt.Sprint("run ", c.want.Try); got.Run != want {
				t.Errorf("the run is %s, want %s", got.Run, want)
			}
			if want := fmt.Sprint("run ", len(ran)); got.ControlRun != want {
				t.Errorf("the control's run is %s, want %s", got.ControlRun, want)
			}
		})
	}
}

// TestSelftestControlLasts: the control's load lasts no shorter than the one that showed the defect, nor than the case's own.
func TestSelftestControlLasts(t *testing.T) {
	for _, c := range []struct {
		shown  float64
		wanted time.Duration
	}{{0.2, 6 * time.Second}, {6, 6 * time.Second}, {6.1, 7 * time.Second}, {33.4, 34 * time.Second}} {
		var loads []time.Duration
		fake := func(_ context.Context, r Request, _ uint64, _ string) (*store.Summary, error) {
			if r.Options["defects"] == "" {
				loads = append(loads, r.Duration)
				return &store.Summary{Assessment: assessed(checkers.Verdict{Status: checkers.Held})}, nil
			}
			return &store.Summary{
				Load:       &figures.Totals{Phase: figures.Phase{Seconds: c.shown}},
				Assessment: assessed(checkers.Verdict{Status: checkers.Violated}),
			}, nil
		}
		if _, err := selftest(t.Context(), Case{Defect: "stale-cache", Request: Request{Duration: 6 * time.Second, Options: correct(nil)}}, 5, fake); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(loads, []time.Duration{c.wanted}) {
			t.Errorf("shown after %v s: the control had %v", c.shown, loads)
		}
	}
}

// TestSelftestStopsAtErrors: a run that could not be made is no run that showed nothing.
func TestSelftestStopsAtErrors(t *testing.T) {
	gone := errors.New("no namespaces here")
	n := 0
	_, err := selftest(t.Context(), Case{Defect: "stale-cache", Request: Request{Options: correct(nil)}}, 5,
		func(context.Context, Request, uint64, string) (*store.Summary, error) { n++; return nil, gone })
	if !errors.Is(err, gone) || n != 1 {
		t.Errorf("%d runs, error %v", n, err)
	}
}

// assessed is what verdicts come to.
func assessed(verdicts ...checkers.Verdict) verdict.Assessment {
	a := verdict.Assessment{Status: checkers.Held, Verdicts: verdicts}
	for _, v := range verdicts {
		a.Status = verdict.Worse(a.Status, v.Status)
	}
	return a
}
