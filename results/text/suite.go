package text

import (
	"fmt"
	"io"
	"strings"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/results/gate"
)

// PrintSuite prints what a suite came to, what blocks first.
func PrintSuite(w io.Writer, s Style, r *gate.SuiteResult) {
	w = s.Fit(w)
	counts := map[gate.CaseStatus]int{}
	for i := range r.Cases {
		counts[r.Cases[i].Status]++
	}
	var parts []string
	for _, st := range []gate.CaseStatus{gate.CasePassed, gate.CaseViolated, gate.CaseInconclusive, gate.CaseEnvironment, gate.CaseNotRun, gate.CaseSkipped} {
		if counts[st] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[st], st))
		}
	}
	if len(parts) == 0 {
		parts = []string{"no case has ended"}
	}
	for i := range r.Cases {
		c := &r.Cases[i]
		fmt.Fprintf(w, "%-12s %s  %s\n", c.Status, c.ID, c.Run)
		for _, j := range c.Claims {
			fmt.Fprintf(w, "    %-20s expected %-9s %s  %s\n", j.Model, j.Expect, s.Status(j.Observed), s.Dim(detail(j)))
		}
		if c.Reason != "" {
			fmt.Fprintf(w, "    %s\n", c.Reason)
		}
		if c.Figures != nil {
			PrintFigures(w, s, c.Figures)
		}
	}
	PrintGate(w, s, r.Gate)
	fmt.Fprintf(w, "suite %s: %s\nresult: %s (exit %d)   (%s)\n", r.Suite, strings.Join(parts, " · "), r.Exit.Reason, r.Exit.Code, r.ID)
}

// detail returns the lines below a claim. A negative control that was violated as it
// should be takes no more than a line: its proof is in its run.
func detail(j gate.ClaimResult) string {
	if j.Status == gate.CasePassed && j.Observed == checkers.Violated {
		return strings.Join(append([]string{Plural(j.Violations, "violation")}, j.Anomalies...), ", ")
	}
	return strings.ReplaceAll(j.Detail, "\n", "\n      ")
}

// PrintGate prints the findings of a gate.
func PrintGate(w io.Writer, s Style, g *gate.Result) {
	w = s.Fit(w)
	for _, group := range g.Groups() {
		for _, f := range group.Findings {
			text := f.Text
			if f.Until != "" {
				text = fmt.Sprintf("known until %s (%s): %s", f.Until, f.Reason, text)
			}
			fmt.Fprintf(w, "%s %s\n    %s\n", s.Bold(fmt.Sprintf("%-12s", group.Name)), f.ID, text)
		}
	}
}
