package hunt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/registry"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets/cluster"
)

// Real carries plans out on a provider, each as a run below Env.Out.
type Real struct {
	// Provider makes the nodes, Reason says why it was chosen.
	Provider cluster.Provider
	Reason   string
	// Env is that of each run.
	Env runs.Environment
	// Whole names the hunt, of which every run is a part.
	Whole string
	// KeepAll keeps runs that found nothing, and replays; else they are removed when they
	// were looked at.
	KeepAll bool
	// Leave says that a run need not be waited for when the hunt is interrupted, because
	// all that it started ends with this process.
	Leave bool
}

// patience is how long an interrupted run is waited for.
const patience = 800 * time.Millisecond

// Carry implements Carrier.
func (r *Real) Carry(ctx context.Context, p *runs.Planned, job Job) (Seen, error) {
	began := time.Now()
	env := r.Env
	env.Progress = harness.Silent{}
	env.Part = &store.Part{Of: r.Whole, Label: job.Label}
	type ended struct {
		f   *runs.Finished
		err error
	}
	over := make(chan ended, 1)
	go func() {
		f, err := runs.Run(ctx, p, r.Provider, r.Reason, env)
		over <- ended{f, err}
	}()
	var e ended
	select {
	case e = <-over:
	case <-ctx.Done():
		if !r.Leave {
			e = <-over
			break
		}
		select {
		case e = <-over:
		case <-time.After(patience):
			return Seen{}, errors.Join(context.Cause(ctx), r.abandon())
		}
	}
	if e.f == nil {
		return Seen{}, e.err
	}
	seen, err := r.look(e.f, e.err, p, job)
	seen.Took = time.Since(began)
	return seen, err
}

// abandon removes the runs of the hunt that this process has under way and of which nothing is
// recorded yet: there is nothing to learn from them, and they would be listed as killed.
func (r *Real) abandon() error {
	if r.KeepAll {
		return nil
	}
	dirs, err := store.List(r.Env.Out)
	if err != nil {
		return err
	}
	for _, d := range dirs {
		var sum store.Summary
		if d.ReadJSON(store.FileRun, &sum) != nil || sum.Part == nil || sum.Part.Of != r.Whole || !d.Alive(&sum) {
			continue // not ours, or over
		}
		if _, err := os.Stat(d.File(store.FileHistory)); err == nil {
			continue // what it recorded is kept
		}
		// Another run that is given up at the same time may have removed it already.
		if err := store.Remove(r.Env.Out, d); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// look says what a run showed, and removes it if that is of no further use.
func (r *Real) look(f *runs.Finished, runErr error, p *runs.Planned, job Job) (Seen, error) {
	seen := seenOf(f.Dir.ID, &f.Summary.Assessment)
	if err := f.Summary.Err(); err != nil {
		return seen, err // a checker went wrong, which is a bug in lapse
	}
	// What was violated is violated, whatever went wrong besides.
	if len(seen.Violations) == 0 {
		if f.Report.Interrupted {
			return seen, errors.Join(context.Canceled, r.drop(f))
		}
		if runErr != nil {
			return seen, runErr
		}
	}
	if f.History != nil && !job.Replay {
		o := observe(f.History)
		kinds, err := lineKinds(f.Dir.File(store.DirNodes))
		if err != nil {
			return seen, &cluster.EnvironmentError{Doing: "reading the nodes' logs", Err: err}
		}
		for k := range kinds {
			o.sign("log line %x", k)
		}
		for s := range o.signs {
			seen.Signs = append(seen.Signs, s)
		}
		slices.Sort(seen.Signs)
		seen.Near, seen.Cells = o.near, o.cells
	}
	if len(seen.Violations) > 0 && !job.Replay {
		seen.Reached = reached(f.History, p.Plan.Duration)
		return seen, nil
	}
	return seen, r.drop(f)
}

// reached is how long a load of d went on until something ended it, 0 where nothing did or nobody knows.
func reached(h *history.History, d time.Duration) time.Duration {
	if h == nil {
		return 0
	}
	at := phases(h)
	began, load := at[harness.PhaseLoad]
	ended, heal := at[harness.PhaseHeal]
	if took := time.Duration(ended - began); load && heal && took < d {
		return took
	}
	return 0
}

// phases are when the phases of a run began.
func phases(h *history.History) map[string]history.Time {
	at := map[string]history.Time{}
	for i := range h.Events {
		if e := &h.Events[i]; e.Kind == history.EventPhase {
			at[e.Text] = e.At
		}
	}
	return at
}

// drop removes a run that is of no further use.
func (r *Real) drop(f *runs.Finished) error {
	if r.KeepAll {
		return nil
	}
	if err := store.Remove(r.Env.Out, f.Dir); err != nil {
		return fmt.Errorf("removing a run of the hunt: %w", err)
	}
	return nil
}

// seenOf is the verdict of a run, by its identifier.
func seenOf(run string, as *verdict.Assessment) Seen {
	s := Seen{Run: run, AtRisk: map[string]int{}}
	for i := range as.Verdicts {
		v := &as.Verdicts[i]
		s.AtRisk[v.Model] += v.Evidence.AtRisk
		switch v.Status {
		case checkers.Held:
			s.Held = append(s.Held, v.Model)
		case checkers.Violated:
			s.Violations = append(s.Violations, violationsOf(v, as)...)
		case checkers.Inconclusive:
			if s.Trouble == "" && len(v.Reasons) > 0 {
				s.Trouble = v.Model + ": " + v.Reasons[0]
			}
		}
	}
	if len(as.Verdicts) == 0 && s.Trouble == "" && len(as.NotChecked) > 0 {
		s.Trouble = as.NotChecked[0].Model + ": " + as.NotChecked[0].Reason
	}
	if len(s.Violations) > 0 {
		s.Trouble = ""
	}
	slices.SortStableFunc(s.Violations, func(a, b Violation) int { return cmp.Compare(b2i(b.Weakest), b2i(a.Weakest)) })
	return s
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// violationsOf are the kinds of violations of one model, none where they are told with
// the model that it follows.
func violationsOf(v *checkers.Verdict, as *verdict.Assessment) []Violation {
	order := registry.Lattice()
	weakest := v.Follows == "" && !slices.ContainsFunc(as.Verdicts, func(w checkers.Verdict) bool {
		return w.Model != v.Model && w.Status == checkers.Violated && w.Follows == "" && order.Implies(v.Model, w.Model)
	})
	promise := Promise("")
	if promised, known := as.Promises.Of(v.Model); known {
		if promise = NotPromised; promised {
			promise = Promised
		}
	}
	var out []Violation
	for i := range v.Violations {
		x := &v.Violations[i]
		if slices.ContainsFunc(out, func(o Violation) bool { return o.Anomaly == x.Anomaly }) {
			continue
		}
		// The first kind stands for the model: those that come with it are no findings of
		// their own.
		out = append(out, Violation{Model: v.Model, Anomaly: x.Anomaly, Sentence: x.Sentence, Weakest: weakest && len(out) == 0, Promise: promise})
	}
	return out
}
