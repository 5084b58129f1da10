// Package runner takes plans to where their nodes run and carries them out.
package runner

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/cmd/lapse/internal/output"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
)

// CheckExpect refuses values of --expect that cannot be.
func CheckExpect(expect string) error {
	switch expect {
	case "", string(checkers.Held), string(checkers.Violated):
		return nil
	}
	return targets.Usagef("--expect %s: must be held or violated", expect)
}

// CarryOut runs a plan, inside the sandbox if that is where nodes run, and says
// what came of it.
func CarryOut(a *cli.App, cmd *cobra.Command, planned *runs.Planned, env runs.Environment, expect string) error {
	place, err := Choose(cmd.Context(), a, planned, env)
	if err != nil {
		return err
	}
	if place.Exited {
		return place.Exit()
	}
	fmt.Fprintln(a.Notes(), output.Headline(planned.Plan, place.Reason))
	env.DiskFrom = store.LargeHistory
	finished, err := runs.Run(cmd.Context(), planned, place.Provider, place.Reason, env)
	if finished == nil {
		return err
	}
	if err != nil {
		fmt.Fprintln(a.Stderr, "lapse: "+err.Error())
	}
	exit := finished.Summary.Exit
	if expect != "" {
		exit = expected(*exit, expect)
	}
	report := output.DrawRun(cmd.Context(), a, finished.Dir)
	exit = output.Undrawn(*exit, report.Err)
	finished.Summary.Exit = exit
	if a.JSON {
		if err := a.PrintJSON(&finished.Summary); err != nil {
			return err
		}
	} else {
		output.PrintFinished(a, finished, report)
	}
	return &cli.ExitError{Code: exit.Code}
}

// expected turns round what counts as success.
func expected(e verdict.Exit, expect string) *verdict.Exit {
	want := map[string]int{string(checkers.Held): verdict.ExitHeld, string(checkers.Violated): verdict.ExitViolated}[expect]
	switch e.Code {
	case want:
		return &verdict.Exit{Code: verdict.ExitHeld, Reason: "as expected: " + expect}
	case verdict.ExitHeld, verdict.ExitViolated:
		return &verdict.Exit{Code: verdict.ExitViolated, Reason: fmt.Sprintf("expected %s, saw %s", expect, e.Reason)}
	}
	return &e
}
