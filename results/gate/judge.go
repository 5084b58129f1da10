// Package gate is what a suite came to, judged against its policy, thresholds and the
// violations that are known, and written as continuous integration reads it: JUnit
// XML, Markdown and GitHub annotations.
package gate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/results/verdict"
)

// Judge judges a suite against its policy and what is known, at the given time.
// The same violation in several results never becomes less: there is no retrying.
func Judge(s *SuiteResult, known []KnownIssue, now time.Time) (*Result, error) {
	// Empty lists rather than none: null is no array to those who read the JSON.
	g := &Result{
		New: []Finding{}, Ongoing: []Finding{}, Expired: []Finding{}, Resolved: []Finding{},
		Inconclusive: []Finding{}, Environment: []Finding{}, Thresholds: []Finding{},
	}
	byID := map[string]KnownIssue{}
	for _, k := range slices.Concat(s.Policy.Known, known) {
		if _, err := time.Parse(time.DateOnly, k.Until); err != nil {
			return nil, fmt.Errorf("known violation %s: until must be a day such as 2027-03-01, not %q", k.ID, k.Until)
		}
		if strings.TrimSpace(k.Reason) == "" {
			return nil, fmt.Errorf("known violation %s: it needs a reason", k.ID)
		}
		byID[k.ID] = k
	}
	for i := range s.Cases {
		g.addCase(&s.Cases[i], byID, now)
		if err := g.addThresholds(&s.Cases[i], slices.Concat(s.Policy.Thresholds, s.Cases[i].Thresholds)); err != nil {
			return nil, err
		}
	}
	g.Exit = g.exit(s)
	return g, nil
}

func (g *Result) addCase(c *CaseResult, known map[string]KnownIssue, now time.Time) {
	switch c.Status {
	case CaseEnvironment:
		g.Environment = append(g.Environment, Finding{ID: c.ID, Text: c.Reason})
	case CaseNotRun:
		g.Inconclusive = append(g.Inconclusive, Finding{ID: c.ID, Text: c.Reason})
	}
	for _, r := range c.Claims {
		f := Finding{ID: r.ID, Text: r.Detail, Line: r.Line}
		k, isKnown := known[r.ID]
		f.Until, f.Reason = k.Until, k.Reason
		switch r.Status {
		case CaseViolated:
			switch {
			case !isKnown:
				g.New = append(g.New, f)
			case now.UTC().Format(time.DateOnly) > k.Until:
				g.Expired = append(g.Expired, f)
			default:
				g.Ongoing = append(g.Ongoing, f)
			}
		case CaseInconclusive:
			g.Inconclusive = append(g.Inconclusive, f)
		case CasePassed:
			if isKnown {
				g.Resolved = append(g.Resolved, f)
			}
		}
	}
}

func (g *Result) addThresholds(c *CaseResult, thresholds []string) error {
	if c.Figures == nil {
		return nil
	}
	for _, text := range thresholds {
		t, err := ParseThreshold(text)
		if err != nil {
			return err
		}
		v, why := t.of(c.Figures)
		switch {
		case why != "":
			g.Inconclusive = append(g.Inconclusive, Finding{ID: c.ID, Text: fmt.Sprintf("threshold %s: %s", text, why)})
		case !t.met(v):
			g.Thresholds = append(g.Thresholds, Finding{ID: c.ID, Text: fmt.Sprintf("%s, but it is %s", text, t.show(v))})
		}
	}
	return nil
}

func (g *Result) exit(s *SuiteResult) verdict.Exit {
	e := verdict.Exit{Code: verdict.ExitHeld, Reason: "passed"}
	worse := func(blocked bool, code, n int, why string) {
		if blocked && n > 0 && verdict.WorseExit(e.Code, code) != e.Code {
			e = verdict.Exit{Code: code, Reason: why}
		}
	}
	worse(true, verdict.ExitViolated, len(g.New), count.Of(len(g.New), "new violation"))
	worse(true, verdict.ExitViolated, len(g.Expired), count.Of(len(g.Expired), "known violation")+" past the day in the baseline")
	worse(true, verdict.ExitViolated, len(g.Thresholds), count.Of(len(g.Thresholds), "broken threshold"))
	worse(s.State == "interrupted", verdict.ExitInterrupted, 1, "interrupted")
	worse(s.Policy.Environment != PolicyWarn, verdict.ExitEnvironment, len(g.Environment), fmt.Sprintf("%d could not be run", len(g.Environment)))
	worse(s.Policy.Inconclusive != PolicyWarn, verdict.ExitInconclusive, len(g.Inconclusive), fmt.Sprintf("%d inconclusive", len(g.Inconclusive)))
	// A gate that judged nothing proves nothing, whatever the policy.
	judged := 0
	for i := range s.Cases {
		judged += len(s.Cases[i].Claims)
	}
	if judged == 0 {
		worse(true, verdict.ExitInconclusive, 1, "no claim was judged")
	}
	return e
}
