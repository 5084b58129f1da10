package verdict

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/witness"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/pure"
)

// failedReason is the reason of a model without a verdict whose checker failed.
const failedReason = "its checker failed, which is a bug in lapse: please report it with the history"

func (a *Assessment) fail(model string, err error) {
	reason := strings.TrimPrefix(err.Error(), model+": ")
	a.Failures = append(a.Failures, Failure{Model: model, Reason: reason})
}

// failed tells whether the checker of model went wrong.
func (a *Assessment) failed(model string) bool {
	return slices.ContainsFunc(a.Failures, func(f Failure) bool { return f.Model == model })
}

// Err says which checkers went wrong and how, nil if none did.
func (a *Assessment) Err() error {
	var errs []error
	for _, f := range a.Failures {
		errs = append(errs, fmt.Errorf("checking %s failed, the other verdicts stand: %s", f.Model, f.Reason))
	}
	return errors.Join(errs...)
}

// Exit is the exit code that a's verdicts deserve. A proven violation stands whatever
// happened to other models; without one, a checker that went wrong is a bug in lapse.
func (a *Assessment) Exit() Exit {
	if err := a.Err(); err != nil && a.Status != checkers.Violated {
		return Exit{Code: ExitBug, Reason: err.Error()}
	}
	return Exit{Code: ExitOf(a.Status), Reason: string(a.Status)}
}

// grace is the time in which a check that is under way may tell what it has decided by
// the time of an interrupt.
const grace = 250 * time.Millisecond

// interruptedReason is the reason of a model without a verdict that was not decided before an
// interrupt.
const interruptedReason = "the check was interrupted before it was decided"

// check decides the models of one group. If that goes wrong for several at once, each
// is tried by itself, so that one does not take the others along.
func (a *Assessment) check(ctx context.Context, h *history.History, b checkers.Budget, group []checkers.Checker) []checkers.Verdict {
	left := grace
	if ctx.Err() != nil {
		left = 0 // the interrupt was before this group
	}
	verdicts, err, done := pure.Within(ctx, left, func() ([]checkers.Verdict, error) { return checkGroup(ctx, h, b, group) })
	switch {
	case !done:
		return interrupted(group)
	case err == nil:
		for i := range verdicts {
			if errors.Is(ctx.Err(), context.Canceled) {
				checkers.Interrupted(&verdicts[i])
			}
		}
		return verdicts
	case len(group) == 1:
		model := group[0].Model().Name
		a.fail(model, err)
		return []checkers.Verdict{undecided(model, failedReason)}
	}
	verdicts = nil
	for _, c := range group {
		verdicts = append(verdicts, a.check(ctx, h, b, []checkers.Checker{c})...)
	}
	return verdicts
}

// interrupted are the verdicts of models that nobody decided.
func interrupted(group []checkers.Checker) []checkers.Verdict {
	var out []checkers.Verdict
	for _, c := range group {
		out = append(out, undecided(c.Model().Name, interruptedReason))
	}
	return out
}

// undecided is the verdict of a model of which nothing was counted.
func undecided(model, reason string) checkers.Verdict {
	return checkers.Verdict{Model: model, Status: checkers.Inconclusive, NotDecided: true, Reasons: []string{reason}}
}

// checkGroup decides the models of one group together. A checker that panics has gone
// wrong as one that returns an error has.
func checkGroup(ctx context.Context, h *history.History, b checkers.Budget, group []checkers.Checker) (_ []checkers.Verdict, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("it panicked: %v\n%s", r, debug.Stack())
		}
	}()
	t, ok := group[0].(checkers.Together)
	if !ok {
		v, err := group[0].Check(ctx, h, b)
		return []checkers.Verdict{v}, err
	}
	names := make([]string, len(group))
	for i, c := range group {
		names[i] = c.Model().Name
	}
	return t.CheckTogether(ctx, h, b, names)
}

// verify makes the witnesses of v smaller where that can be, and checks each again by
// means that share nothing with the checker that found it. A witness that proves
// nothing is a mistake in that checker: it is left out, and if none is left v decides
// nothing.
func (a *Assessment) verify(ctx context.Context, h *history.History, checker checkers.Checker, model checkers.Model, v *checkers.Verdict) {
	proven := v.Violations[:0:0]
	for _, x := range v.Violations {
		if checker.Model().Name == model.Name {
			x = witness.Refine(ctx, h, checker, x)
		}
		by, err := witness.Verify(ctx, h, model, &x)
		if err != nil {
			a.fail(v.Model, err)
			continue
		}
		if x.Certified == "" {
			x.Certified = by
		}
		proven = append(proven, x)
	}
	wrong := len(v.Violations) - len(proven)
	v.Violations = proven
	if v.Total -= wrong; wrong > 0 && len(proven) == 0 {
		v.Status, v.NotDecided, v.Total, v.Evidence.Bad = checkers.Inconclusive, true, 0, 0
		v.Reasons = append(v.Reasons, failedReason)
	}
}
