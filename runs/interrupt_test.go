package runs

import (
	"context"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/workloads/named"
)

// meddler is a checker of any history that does what it was made for.
type meddler func(ctx context.Context) checkers.Status

func (meddler) Model() checkers.Model          { return checkers.Model{Name: "meddler"} }
func (meddler) Applies(*history.History) error { return nil }
func (m meddler) Check(ctx context.Context, _ *history.History, _ checkers.Budget) (checkers.Verdict, error) {
	return checkers.Verdict{Model: "meddler", Status: m(ctx), Total: 1, Evidence: checkers.Evidence{AtRisk: 1000, OK: 1000}}, nil
}

// TestInterruptWhileARunIsChecked: a run whose load was whole and whose check was cut short is an interrupted one, for a suite and a
// hunt would take it for one that was judged; one that was decided all the same is whole, and what was violated stays violated.
func TestInterruptWhileARunIsChecked(t *testing.T) {
	for _, c := range []struct {
		name  string
		does  func(ctx context.Context, interrupt func()) checkers.Status
		state string
		exit  int
	}{
		{"cut short", func(ctx context.Context, interrupt func()) checkers.Status {
			interrupt()
			<-ctx.Done()
			return checkers.Inconclusive
		}, store.StateInterrupted, verdict.ExitInterrupted},
		{"cut short, and violated", func(ctx context.Context, interrupt func()) checkers.Status {
			interrupt()
			<-ctx.Done()
			return checkers.Violated
		}, store.StateInterrupted, verdict.ExitViolated},
		{"not interrupted", func(context.Context, func()) checkers.Status { return checkers.Violated }, store.StateFinished, verdict.ExitViolated},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := testEnvironment(t)
			req := Request{Target: "quorumkv", Workload: named.Register, Concurrency: "1", Duration: time.Second, Rate: 100, Models: "read-your-writes", Seed: 5, Seeded: true}
			p, err := Plan(t.Context(), req, env)
			if err != nil {
				t.Fatal(err)
			}
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			p.Models = []checkers.Checker{meddler(func(check context.Context) checkers.Status { return c.does(check, interrupt) })}
			f, err := Run(ctx, p, sandbox.Provider{}, "", env)
			if err != nil {
				t.Fatal(err)
			}
			if f.Summary.State != c.state || f.Report.Interrupted != (c.state == store.StateInterrupted) || f.Summary.Exit.Code != c.exit {
				t.Errorf("state %s, interrupted %t, exit %+v; want %s and exit %d", f.Summary.State, f.Report.Interrupted, f.Summary.Exit, c.state, c.exit)
			}
		})
	}
}
