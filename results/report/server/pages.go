package server

import (
	_ "embed"
	"net/url"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
)

//go:embed pages.css
var styleText string

// escaped is a name as one part of a path.
func escaped(name string) string { return url.PathEscape(name) }

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

func verdictText(s checkers.Status) string {
	switch s {
	case checkers.Violated:
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
