package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/cmd/lapse/internal/output"
	"github.com/lapse-test/lapse/cmd/lapse/internal/runner"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
)

func (a *app) replayCommand() *cobra.Command {
	var expect string
	var until int
	var dryRun bool
	c := &cobra.Command{
		Use:   "replay RUN|PLAN",
		Short: "Run the plan of a stored run again",
		Long: `Run the plan of a stored run again, or one that a hunt wrote: the same operations, the same faults at the
same times. What the database makes of it may differ: the plan is the same, not
the interleaving. --until-violated N runs it up to N times and stops at the first
violation: exit 1 with its witness, or 0 if all N held.`,
		Example: `  lapse replay latest
  lapse replay latest --until-violated 20`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := runner.CheckExpect(expect); err != nil {
				return err
			}
			if until < 0 || until > 0 && expect != "" {
				return targets.Usagef("--until-violated %d: must be a number of runs, and goes without --expect", until)
			}
			file, _, err := a.planFile(args[0])
			if err != nil {
				return err
			}
			plan, err := harness.ReadPlan(file)
			if err != nil {
				return err
			}
			env, err := a.Environment()
			if err != nil {
				return err
			}
			planned, err := runs.FromPlan(cmd.Context(), plan, env)
			if err != nil {
				return err
			}
			if dryRun {
				return output.PrintPlan(a.App, planned)
			}
			if until > 0 {
				return a.replayUntil(cmd, planned, env, until)
			}
			return runner.CarryOut(a.App, cmd, planned, env, expect)
		},
	}
	c.Flags().StringVar(&expect, "expect", "", "held or violated: exit 0 if the run ends so, 1 if it ends the other way")
	c.Flags().IntVar(&until, "until-violated", 0, "run it again and again, this many times at most, until it is violated")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "check everything and print what would be run")
	a.AddRunFlags(c)
	return c
}

// planFile is where the plan is that ref names: a file by itself, or that of a run, which is then returned too.
func (a *app) planFile(ref string) (string, *store.Dir, error) {
	if fi, err := os.Stat(ref); err == nil && fi.Mode().IsRegular() {
		return ref, nil, nil
	}
	dir, err := store.Open(a.Out, ref)
	if err != nil {
		return "", nil, err
	}
	file := dir.File(store.FilePlan)
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return "", nil, targets.Usagef("run %s has no %s, so that nobody knows what was run", dir.ID, store.FilePlan)
	}
	return file, &dir, nil
}

// replayUntil runs a plan until it is violated. The runs before, whatever they
// ended with, are kept as runs are, and count in the exit code.
func (a *app) replayUntil(cmd *cobra.Command, planned *runs.Planned, env runs.Environment, most int) error {
	p, err := runner.Choose(cmd.Context(), a.App, planned, env)
	if err != nil {
		return err
	}
	if p.Exited {
		return p.Exit()
	}
	env.DiskFrom = store.LargeHistory
	code := verdict.ExitHeld
	for n := 1; ; n++ {
		f, err := runs.Run(cmd.Context(), planned, p.Provider, p.Reason, env)
		if f == nil {
			return err
		}
		if err != nil {
			fmt.Fprintln(a.Stderr, "lapse: "+err.Error())
		}
		report := output.DrawRun(cmd.Context(), a.App, f.Dir)
		exit := output.Undrawn(*f.Summary.Exit, report.Err)
		f.Summary.Exit = exit
		code = verdict.WorseExit(code, exit.Code)
		fmt.Fprintf(a.Notes(), "run %d of %d: %s  %s\n", n, most, f.Dir.ID, exit.Reason)
		if exit.Code != verdict.ExitViolated && exit.Code != verdict.ExitInterrupted && exit.Code != verdict.ExitBug && n < most {
			continue
		}
		if a.JSON {
			if err := a.PrintJSON(&f.Summary); err != nil {
				return err
			}
		} else {
			output.PrintFinished(a.App, f, report)
		}
		return &cli.ExitError{Code: code}
	}
}
