package hunt

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
)

// From is a plan that is there already and is to be made small, with what is known of it.
type From struct {
	// Plan is it, for the models that replays are judged by: one, if a violation is known or the user named it.
	Plan *runs.Planned
	// Violation is what replays have to show. Without a model nothing is known yet: the plan is carried out as it is until
	// one of its models is violated.
	Violation Violation
	// Run is the identifier of the run that showed it, empty where none is known.
	Run string
	// Reached is Seen.Reached of that run.
	Reached time.Duration

	space *Space
}

// FromPlan takes a stored plan up. model is the one that must break, empty for those of the plan. Its errors are of the
// user's input.
func FromPlan(ctx context.Context, plan *harness.Plan, model string, env runs.Environment) (*From, error) {
	p, err := runs.FromPlan(ctx, plan, env)
	if err != nil {
		return nil, err
	}
	if p.Plan.Drivers > 0 {
		return nil, targets.Usagef("the plan's clients are in %d drivers, which have to be started for each run: a plan is made small without drivers", p.Plan.Drivers)
	}
	f := &From{Plan: p, space: &Space{env: env}}
	return f, f.judgedBy(ctx, model)
}

// judgedBy leaves of the plan's models the one that must break, all for "".
func (f *From) judgedBy(ctx context.Context, model string) error {
	run := f.Plan.Plan.Run
	if model != "" {
		run.Models = model
	}
	run.OnViolation, run.StopOnViolation = "", true // one violation is enough, and nobody is told of replays
	req, err := withSchedule(run, f.Plan.Plan.Schedule)
	if err != nil {
		return err
	}
	if f.Plan, err = f.space.Plan(ctx, req); err != nil {
		return err
	}
	f.space.Base = f.Plan.Plan.Run
	return nil
}

// FromRun takes up the plan of a stored run that was violated. model is which of the violated ones must break, empty for the one
// that says most. What another version of lapse said is not relied on: its plan is carried out first. A run without a
// violation is a *targets.UsageError.
func FromRun(ctx context.Context, dir store.Dir, plan *harness.Plan, model string, env runs.Environment) (*From, error) {
	var sum store.Summary
	if err := dir.ReadJSON(store.FileRun, &sum); err != nil {
		return nil, err
	}
	v, err := violationOf(dir, &sum, model)
	if err != nil {
		return nil, err
	}
	f, err := FromPlan(ctx, plan, v.Model, env)
	if err != nil || sum.Host.Lapse != runs.Version() {
		return f, err
	}
	f.Violation, f.Run = v, dir.ID
	f.Reached, err = reachedBy(dir, sum.Assessment.Verdicts, v.Model, plan.Duration)
	return f, err
}

// violationOf is the violation of a run that is to be shown by smaller plans.
func violationOf(dir store.Dir, sum *store.Summary, model string) (Violation, error) {
	seen := seenOf(dir.ID, &sum.Assessment)
	if len(seen.Violations) == 0 {
		what := "did not break a promise: it is " + string(sum.Assessment.Status)
		switch state := dir.StateOf(sum); {
		case state == store.StateRunning:
			what = "goes on: nothing is known of it yet"
		case state == store.StateKilled:
			what = "was killed before it was judged"
		case sum.Assessment.Status == "":
			what = "was not judged"
		}
		return Violation{}, targets.Usagef("run %s %s, and there is no violation that smaller plans could show; to see whether its plan breaks something at another time, name the plan: --from %s",
			dir.ID, what, dir.File(store.FilePlan))
	}
	if model == "" {
		return seen.Violations[0], nil
	}
	for _, v := range seen.Violations {
		if v.Model == model {
			return v, nil
		}
	}
	return Violation{}, targets.Usagef("--model %s: run %s violated %s, and not that", model, dir.ID, strings.Join(seen.models(), ", "))
}

// models are the violated ones, each once.
func (s *Seen) models() []string {
	var out []string
	for _, v := range s.Violations {
		if !slices.Contains(out, v.Model) {
			out = append(out, v.Model)
		}
	}
	return out
}

// reachedBy is how long the load of a stored run, which was to last for d, went on until model was violated; 0 where nobody knows,
// where that showed after the load, and of histories that are not worth their loading.
func reachedBy(dir store.Dir, verdicts []checkers.Verdict, model string, d time.Duration) (time.Duration, error) {
	fi, err := os.Stat(dir.File(store.FileHistory))
	if err != nil || fi.Size() >= store.LargeHistory {
		return 0, nil //nolint:nilerr // a run without its history has its plan, and what is left out is a shortcut
	}
	h, err := dir.History()
	if err != nil {
		return 0, err
	}
	i := slices.IndexFunc(verdicts, func(v checkers.Verdict) bool { return v.Model == model })
	if i < 0 || len(verdicts[i].Violations) == 0 {
		return 0, nil
	}
	first := slices.MinFunc(verdicts[i].Violations, func(a, b checkers.Violation) int { return cmp.Compare(a.At, b.At) })
	began, known := phases(h)[harness.PhaseLoad]
	if took := time.Duration(first.At - began); known && took > 0 && took < d {
		return took, nil
	}
	return 0, nil
}

// Smaller makes a plan small that is there already, with what the budget has room for: Options.Seed, Findings, Known and NoShrink do
// not matter. If no violation of it is known, the plan is carried out first, at most as often as a smaller plan would be. The result has one
// finding, none where the plan was not seen to break anything. It ends when ctx is done, which is no error. An error comes with
// what there is until then.
func Smaller(ctx context.Context, f *From, carrier Carrier, o Options) (*Result, error) {
	o.Findings, o.Known, o.NoShrink = 1, nil, false
	h := newHunter(f.space, carrier, o)
	h.only = true
	err := h.smaller(ctx, f)
	h.finish(ctx)
	return h.res, err
}

func (h *hunter) smaller(ctx context.Context, f *From) error {
	found := []*Finding{{
		Kind: Kind{f.Violation.Model, f.Violation.Anomaly}, Sentence: f.Violation.Sentence, Promise: f.Violation.Promise,
		Run: f.Run, Plan: f.Plan, reached: f.Reached,
	}}
	if h.res.Findings = found; f.Violation.Model == "" {
		h.res.Findings, found = []*Finding{}, nil
		for len(found) == 0 && h.res.Runs < h.o.Replays.Of && ctx.Err() == nil && !h.spent() {
			seen, err := h.carry(ctx, f.Plan, fmt.Sprintf("run %d", h.res.Runs+1), false)
			if err != nil {
				return err
			}
			if seen == nil {
				continue
			}
			h.judge(seen)
			found = h.note(f.Plan, seen)
			h.tell(Step{Run: h.res.Runs, Plan: f.Plan, Seen: seen})
		}
		if len(found) == 0 {
			return nil
		}
		if err := f.judgedBy(ctx, found[0].Model); err != nil {
			return err
		}
		found[0].Plan = f.Plan
	}
	return h.shrink(ctx, found[0])
}
