package server

import (
	_ "embed"
	"net/url"
	"strings"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/results/compare"
	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
)

//go:embed pages.css
var styleText string

// escaped is a name as one part of a path.
func escaped(name string) string { return url.PathEscape(name) }

// statusClass returns the CSS class of a verdict with what was counted behind it.
func statusClass(text string) string {
	status, _, _ := strings.Cut(text, " (")
	if strings.HasSuffix(status, compare.Allowed) {
		return classAllowed
	}
	return status
}

// classAllowed is the CSS class of a violation that the configuration allows.
const classAllowed = "allowed"

// exitClass returns the CSS class of a suite's result.
func exitClass(code int) string {
	switch code {
	case 0:
		return string(checkers.Held)
	case 1:
		return string(checkers.Violated)
	}
	return string(checkers.Inconclusive)
}

func exitText(e *verdict.Exit) string {
	switch e.Code {
	case 0:
		return "✓ passed"
	case 1:
		return "✗ " + e.Reason
	}
	return "? " + e.Reason
}

// verdictClass is the CSS class of a run's verdict: its status, or that of what the
// configuration allows, as the run's own report has it.
func verdictClass(s *store.Summary) string {
	if s.AllowsAll() {
		return classAllowed
	}
	return string(s.Status)
}

// millis is a latency, a dash where nothing was answered.
func millis(ms float64) string {
	if ms == 0 {
		return "–"
	}
	return duration.Millis(ms)
}

func verdictText(s *store.Summary) string {
	switch s.Status {
	case checkers.Violated:
		if s.AllowsAll() {
			return "✗ violated, allowed"
		}
		return "✗ violated"
	case checkers.Held:
		return "✓ held"
	case checkers.Inconclusive:
		return "? inconclusive"
	}
	return "– no verdict"
}

// listed is the content of the first page.
type listed struct {
	Suites []*gate.SuiteResult
	Runs   []store.Summary
}
