package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/linearizable"
	"github.com/lapse-test/lapse/checkers/regular"
	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/verdict"
)

// wrong is a checker that goes wrong in a way of its own.
type wrong struct {
	model checkers.Model
	check func() (checkers.Verdict, error)
}

func (w wrong) Model() checkers.Model          { return w.model }
func (w wrong) Applies(*history.History) error { return nil }
func (w wrong) Check(context.Context, *history.History, checkers.Budget) (checkers.Verdict, error) {
	return w.check()
}

// TestDocumentOfAFailure wants the one document of --json from a check of which one
// model goes wrong, with what the others found.
func TestDocumentOfAFailure(t *testing.T) {
	safe := checkers.Named(regular.Safe, regular.Models())
	nothing := checkers.Verdict{Model: safe.Name, Status: checkers.Violated, Total: 1, Violations: []checkers.Violation{{Model: safe.Name, Anomaly: "stale read", Ops: []int{0}}}}
	for _, c := range []struct {
		name  string
		fails wrong
		says  string
	}{
		{"an error", wrong{checkers.Model{Name: "failing"}, func() (checkers.Verdict, error) { return checkers.Verdict{}, errors.New("out of luck") }}, "out of luck"},
		{"a panic", wrong{checkers.Model{Name: "failing"}, func() (checkers.Verdict, error) { panic("at my wits' end") }}, "at my wits' end"},
		{"a witness that proves nothing", wrong{safe, func() (checkers.Verdict, error) { return nothing, nil }}, "witness"},
	} {
		for _, saw := range []struct {
			value  history.Value
			status checkers.Status
			exit   int
		}{{2, checkers.Held, verdict.ExitBug}, {1, checkers.Violated, verdict.ExitViolated}} {
			t.Run(c.name+"/"+string(saw.status), func(t *testing.T) {
				var out, errs bytes.Buffer
				a := &app{cli.New(&out, &errs, databases(), nodeProviders())}
				a.Models = []checkers.Checker{c.fails}
				failing := c.fails.model.Name
				code := a.execute(t.Context(), []string{"check", storeHistory(t, saw.value), "--json", "--model", failing + "," + linearizable.Model})
				var doc struct {
					Exit     verdict.Exit
					Verdicts []checkers.Verdict
					Failures []verdict.Failure
				}
				if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
					t.Fatalf("no document: %v: %q", err, out.String())
				}
				if code != saw.exit || doc.Exit.Code != code {
					t.Errorf("exit %d, in the document %d, want %d: %s", code, doc.Exit.Code, saw.exit, errs.String())
				}
				if len(doc.Failures) != 1 || doc.Failures[0].Model != failing || !strings.Contains(doc.Failures[0].Reason, c.says) {
					t.Errorf("failures %+v, want one of %s that says %q", doc.Failures, failing, c.says)
				}
				if len(doc.Verdicts) != 2 || doc.Verdicts[1].Model != linearizable.Model || doc.Verdicts[1].Status != saw.status {
					t.Errorf("verdicts %+v, want %s %s beside the failure", doc.Verdicts, linearizable.Model, saw.status)
				}
				if !strings.Contains(errs.String(), "checking "+failing+" failed") {
					t.Errorf("standard error does not name the model: %q", errs.String())
				}
			})
		}
	}
}
