package runs

import (
	"context"
	"fmt"
	"os"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/violations"
	"github.com/lapse-test/lapse/runs/alert"
)

// startAlerts makes what tells others of the violations of the run, nil if nobody is to be
// told.
func (f *Finished) startAlerts(ctx context.Context, p *Planned, env Environment) (*alert.Teller, error) {
	if p.OnViolation == "" {
		return nil, nil //nolint:nilnil // nobody is to be told
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("finding the directory in which violations are told: %w", err)
	}
	return alert.Start(ctx, p.OnViolation, dir, env.Deliver, env.Progress.Note)
}

// alarm is what is told of a violation with the operations of h, whose places in the whole are places, nil where those
// are h's own.
func (f *Finished) alarm(found string, h *history.History, v *checkers.Violation, places []int) alert.Alarm {
	s := &f.Summary
	return alert.Alarm{
		Found: found, Run: s.Run, Directory: f.Dir.Path, Target: s.Target, Workload: s.Workload,
		WriteLevel: s.WriteLevel, ReadLevel: s.ReadLevel, Seed: s.Seed, Reproduce: s.Reproduce,
		Violation: violations.NewWitness(h, v).At(places),
	}
}

// tellTheRest tells what only the verdict on the whole found, and waits for a bounded time
// until all is told.
func (f *Finished) tellTheRest(alerts *alert.Teller) {
	for i := range f.Witnesses.Verdicts {
		if v := &f.Witnesses.Verdicts[i]; len(v.Violations) > 0 {
			alerts.Tell(v.Model, func() alert.Alarm { return f.alarm(alert.EndFound, f.History, &v.Violations[0], f.places) })
		}
	}
	f.Summary.Alerts = alerts.Close()
}
