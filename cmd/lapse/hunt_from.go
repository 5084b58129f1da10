package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lapse-test/lapse/cmd/lapse/internal/input"
	"github.com/lapse-test/lapse/cmd/lapse/internal/output"
	"github.com/lapse-test/lapse/cmd/lapse/internal/runner"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/hunt"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/suite"
	"github.com/lapse-test/lapse/suites"
	"github.com/lapse-test/lapse/targets"
)

// huntFrom makes a plan small that is there already: that of a run, of a file, or of a finding of the track record.
func (a *app) huntFrom(cmd *cobra.Command, hf *huntFlags, o hunt.Options) error {
	if err := onlyBeside(cmd.Flags(), "from", "model", "budget", "replays", "keep", "dry-run"); err != nil {
		return err
	}
	env, err := a.Environment()
	if err != nil {
		return err
	}
	from, err := a.from(cmd.Context(), hf.from, hf.req.Models, env)
	if err != nil {
		return err
	}
	if hf.dryRun {
		return output.PrintPlan(a.App, from.Plan)
	}
	chosen, err := runner.Choose(cmd.Context(), a.App, from.Plan, env)
	if err != nil {
		return err
	}
	if chosen.Exited {
		return chosen.Exit()
	}
	plan := from.Plan.Plan
	doc := &huntDocument{From: hf.from, Target: plan.Target, WriteLevel: plan.WriteLevel, ReadLevel: plan.ReadLevel, Budget: hf.budget}
	what := "what it violates first of " + plan.Models
	if from.Violation.Model != "" {
		what = fmt.Sprintf("%s: %s", from.Violation.Model, from.Violation.Anomaly)
	}
	headline := fmt.Sprintf("lapse %s · making %s small · %s, %s, write %s, read %s · must still show, in %s runs: %s · %s · %s", runs.Version(), hf.from,
		plan.Target, text.Plural(plan.Nodes, "node"), plan.WriteLevel, plan.ReadLevel, o.Replays, what, lasting(o.Budget), chosen.Reason)
	return a.carryOutHunt(cmd, &hunting{doc: doc, headline: headline, keep: hf.keep, chosen: chosen, env: env, options: o,
		search: func(ctx context.Context, c hunt.Carrier, o hunt.Options) (*hunt.Result, error) {
			return hunt.Smaller(ctx, from, c, o)
		}, exit: fromExit})
}

// onlyBeside refuses settings of runs and of hunts that were given beside a flag with which only some go: the plan has them.
func onlyBeside(given *pflag.FlagSet, flag string, others ...string) error {
	var err error
	given.Visit(func(f *pflag.Flag) {
		if taken := slices.Contains(append(append([]string{}, huntAsked...), append(huntVaried, "findings", "no-shrink")...), f.Name); taken && !slices.Contains(others, f.Name) && err == nil {
			err = targets.Usagef("--%s: with --%s the plan has that, and only %s go with it", f.Name, flag, "--"+strings.Join(others, ", --"))
		}
	})
	return err
}

// from is the plan that ref names, with what is known of it.
func (a *app) from(ctx context.Context, ref, model string, env runs.Environment) (*hunt.From, error) {
	file, dir, err := a.planFile(ref)
	if errors.As(err, new(*store.NotFoundError)) {
		return a.fromFinding(ctx, ref, model, env, err)
	}
	if err != nil {
		return nil, err
	}
	plan, err := harness.ReadPlan(file)
	if err != nil {
		return nil, err
	}
	if dir == nil {
		return hunt.FromPlan(ctx, plan, model, env)
	}
	return hunt.FromRun(ctx, *dir, plan, model, env)
}

// fromFinding is the plan of a finding of the track record, with the model of its claim; what there is none by that name is no run either.
func (a *app) fromFinding(ctx context.Context, name, model string, env runs.Environment, noRun error) (*hunt.From, error) {
	record, err := suites.ByName(suites.KnownFindings)
	if err != nil {
		return nil, err
	}
	f, err := suite.Parse(suites.KnownFindings, record)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(f.Findings(), name) {
		return nil, targets.Usagef("%v; nor is it a finding of the track record, which `lapse reproduce` lists", noRun)
	}
	s, err := input.Suite(ctx, a.App, suites.KnownFindings, nil, env)
	if err != nil {
		return nil, err
	}
	if err := s.Only(name); err != nil {
		return nil, err
	}
	cell := &s.Cells[0]
	if cell.Planned == nil {
		return nil, targets.Usagef("finding %s: %s", name, cell.Missing)
	}
	if model == "" {
		model = cell.Claims[0].Model
	}
	return hunt.FromPlan(ctx, cell.Planned.Plan, model, env)
}

// fromExit is what making a plan small ends with: whether what is left shows the violation.
func fromExit(res *hunt.Result, err error) verdict.Exit {
	var shown *hunt.Finding
	for _, f := range res.Findings {
		if f.Shrunk.Enough() {
			shown = f
		}
	}
	switch {
	case shown != nil:
		return verdict.Exit{Code: verdict.ExitViolated, Reason: fmt.Sprintf("shown in %s replays: %s", shown.Shrunk.Rate, shown.Kind)}
	case err != nil:
		return verdict.Exit{Code: runs.ExitOf(err), Reason: err.Error()}
	case res.Interrupted:
		return verdict.Exit{Code: verdict.ExitInterrupted, Reason: store.StateInterrupted}
	case len(res.Findings) == 0:
		return verdict.Exit{Code: verdict.ExitInconclusive, Reason: fmt.Sprintf("the plan was carried out %s and broke nothing", text.Plural(res.Runs, "time"))}
	case res.Findings[0].Shrunk.Elusive():
		return verdict.Exit{Code: verdict.ExitInconclusive, Reason: "no replay showed " + res.Findings[0].String()}
	}
	return verdict.Exit{Code: verdict.ExitInconclusive, Reason: "the budget ended before replays had shown often enough " + res.Findings[0].String()}
}
