package gate

import (
	"testing"

	"github.com/lapse-test/lapse/results/verdict"
)

// TestReasons: what decides is said in words that fit its number.
func TestReasons(t *testing.T) {
	one, two := make([]Finding, 1), make([]Finding, 2)
	judged := []CaseResult{{Claims: make([]ClaimResult, 1)}}
	for _, c := range []struct {
		r     Result
		state string
		cases []CaseResult
		want  verdict.Exit
	}{
		{Result{}, "done", judged, verdict.Exit{Code: verdict.ExitHeld, Reason: "passed"}},
		{Result{}, "done", nil, verdict.Exit{Code: verdict.ExitInconclusive, Reason: "no claim was judged"}},
		{Result{New: one}, "done", judged, verdict.Exit{Code: verdict.ExitViolated, Reason: "1 new violation"}},
		{Result{New: two}, "done", judged, verdict.Exit{Code: verdict.ExitViolated, Reason: "2 new violations"}},
		{Result{Expired: one}, "done", judged, verdict.Exit{Code: verdict.ExitViolated, Reason: "1 known violation past the day in the baseline"}},
		{Result{Thresholds: two}, "done", judged, verdict.Exit{Code: verdict.ExitViolated, Reason: "2 broken thresholds"}},
		{Result{}, "interrupted", judged, verdict.Exit{Code: verdict.ExitInterrupted, Reason: "interrupted"}},
		{Result{Environment: one}, "done", judged, verdict.Exit{Code: verdict.ExitEnvironment, Reason: "1 could not be run"}},
		{Result{Inconclusive: two}, "done", judged, verdict.Exit{Code: verdict.ExitInconclusive, Reason: "2 inconclusive"}},
	} {
		if got := c.r.exit(&SuiteResult{State: c.state, Cases: c.cases}); got != c.want {
			t.Errorf("%+v: %+v, want %+v", c.r, got, c.want)
		}
	}
}
