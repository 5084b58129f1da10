package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/cmd/lapse/internal/runner"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
)

func (a *app) selftestCommand() *cobra.Command {
	var only []string
	var length time.Duration
	var seed uint64
	var soak int
	var provider string
	var seeds runs.Seeded
	c := &cobra.Command{
		Use:   "selftest",
		Short: "Test the tester: every defect of quorumkv must be caught, the correct store must not be blamed",
		Long: fmt.Sprintf(`Run quorumkv with each of its defects, which must be caught, and in the same
configuration without, which must hold. A run that does not show the defect is
followed by one with the next seed, up to %d of them; the table says which try
and seed caught it. The control is one run; it is made again, with the next
seed, only where too little happened in it for a verdict. With --seeds N each case
is run with each of N seeds instead, with its defect and without: the table says in
how many of them it was found in less than %s, after how long, and by what. With
--soak N run correct configurations N times under partitions, kills and pauses
instead: none may raise an alarm.`, runs.SelftestTries, duration.Text(runs.FoundWithin)),
		Example: `  lapse selftest
  lapse selftest --only drop-hints,stale-cache
  lapse selftest --seeds 20 --parallel 4
  lapse selftest --soak 50 --duration 30s`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if soak < 0 {
				return targets.Usagef("--soak %d: must be 0 or more", soak)
			}
			if err := checkSeeds(cmd, &seeds); err != nil {
				return err
			}
			cases := runs.SelftestCases(length)
			if len(only) > 0 {
				var err error
				if cases, err = chooseCases(cases, only); err != nil {
					return err
				}
			}
			env, err := a.Environment()
			if err != nil {
				return err
			}
			probe := cases[0].Request
			probe.Provider = provider
			planned, err := runs.Plan(cmd.Context(), probe, env)
			if err != nil {
				return err
			}
			chosen, err := runner.Choose(cmd.Context(), a.App, planned, env)
			if err != nil {
				return err
			}
			if chosen.Exited {
				return chosen.Exit()
			}
			if soak > 0 {
				return a.soak(cmd, soak, length, chosen, env)
			}
			if seeds.Seeds > 0 {
				seeds.First = seed
				return a.selftestSeeds(cmd, cases, seeds, chosen, env)
			}
			return a.selftest(cmd, cases, seed, chosen, env)
		},
	}
	f := c.Flags()
	f.StringSliceVar(&only, "only", nil, "defects to try (default: all)")
	f.DurationVar(&length, "duration", 6*time.Second, "how long each run's load lasts; longer for defects that show seldom, and in many runs with a defect until it shows")
	f.Uint64Var(&seed, "seed", runs.SelftestSeed, "seed of the first run of each defect")
	f.IntVar(&soak, "soak", 0, "number of correct runs to make instead")
	f.IntVar(&seeds.Seeds, "seeds", 0, "number of seeds with each of which every case is run; runs that were as they should be are removed")
	f.IntVar(&seeds.Parallel, "parallel", 1, "with --seeds: runs made at once, each on a cluster of its own")
	f.StringVar(&provider, "provider", "auto", "where nodes run: auto, sandbox, local or docker")
	a.AddRunFlags(c)
	return c
}

// estimate is about how long the cases take: each runs twice where its first run shows the defect, and starting, healing,
// settling and checking take some seconds besides the load.
func estimate(cases []runs.Case) time.Duration {
	var sum time.Duration
	for _, c := range cases {
		sum += 2 * (c.Request.Duration + c.Request.Settle + 2*overhead)
	}
	return sum.Round(time.Second)
}

func chooseCases(cases []runs.Case, only []string) ([]runs.Case, error) {
	var out []runs.Case
	var names []string
	for _, c := range cases {
		names = append(names, c.Defect)
		if slices.Contains(only, c.Defect) {
			out = append(out, c)
		}
	}
	for _, n := range only {
		if !slices.Contains(names, n) {
			return nil, targets.Usagef("--only %s: no such defect; there are: %s", n, strings.Join(names, ", "))
		}
	}
	return out, nil
}

// selftestRow is a defect in a line; its last columns come below on a narrow terminal.
const selftestRow = "%-32s  %-6s  %-3s  %-4s  %-10s  %-10s  %-19s  %s\n"

func (a *app) selftest(cmd *cobra.Command, cases []runs.Case, seed uint64, p *runner.Choice, env runs.Environment) error {
	all := []runs.SelfTested{}
	passed := 0
	whole, began := runs.Whole(time.Now()), time.Now()
	fmt.Fprintf(a.Notes(), "lapse %s · seed %d · %s, each with it and without: about %s · %s\n", runs.Version(), seed,
		text.Plural(len(cases), "defect"), duration.Text(estimate(cases)), p.Reason)
	if !a.JSON {
		fmt.Fprintf(a.Text, selftestRow, "defect", "caught", "try", "seed", "without it", "violations", "anomaly", "by")
	}
	env.Progress = harness.Silent{}
	for _, c := range cases {
		s, err := runs.Selftest(cmd.Context(), c, whole, seed, p.Provider, p.Reason, env)
		if err != nil {
			return err
		}
		all = append(all, s)
		if s.Passed() {
			passed++
		}
		if !a.JSON {
			a.printSelfTested(s)
		}
	}
	if a.JSON {
		if err := a.PrintJSON(all); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(a.Text, "%d of %s caught, and held without them (%s)\n", passed, text.Plural(len(all), "defect"), duration.Text(time.Since(began)))
	}
	if passed < len(all) {
		return &cli.ExitError{Code: verdict.ExitViolated}
	}
	return nil
}

func (a *app) printSelfTested(s runs.SelfTested) {
	caught := a.Style.Green("yes")
	if !s.Caught {
		caught = a.Style.Red("NO ")
	}
	control := a.Style.Status(s.Control) + strings.Repeat(" ", max(0, len("without it")-utf8.RuneCountInString(text.Style{}.Status(s.Control))))
	fmt.Fprintf(a.Text, selftestRow, s.Defect, caught+"   ", fmt.Sprint(s.Try), fmt.Sprint(s.Seed), control, text.Count(s.Violations), s.Anomaly, strings.Join(s.By, ", "))
	if len(s.Missed) > 0 {
		fmt.Fprintf(a.Text, "    did not show it: %s\n", strings.Join(s.Missed, ", "))
	}
	if len(s.ControlThin) > 0 {
		fmt.Fprintf(a.Text, "    without it, too little happened for a verdict: %s; then seed %d\n", strings.Join(s.ControlThin, ", "), s.ControlSeed)
	}
	if s.Control != checkers.Held {
		for _, r := range s.ControlReasons {
			fmt.Fprintf(a.Text, "    %s (run %s)\n", r, s.ControlRun)
		}
	}
}

func (a *app) soak(cmd *cobra.Command, n int, length time.Duration, p *runner.Choice, env runs.Environment) error {
	code, alarms := verdict.ExitHeld, 0
	whole := runs.Whole(time.Now())
	env.Progress = harness.Silent{}
	for i := range n {
		f, err := runs.Soak(cmd.Context(), i, whole, length, p.Provider, p.Reason, env)
		if err != nil {
			return err
		}
		code = verdict.WorseExit(code, f.Summary.Exit.Code)
		if f.Summary.Status == checkers.Violated {
			alarms++
		}
		s := &f.Summary
		fmt.Fprintf(a.Text, "%3d/%d  %s  write %-6s read %-6s %-8s %s  ok %s  faults %d  %s\n", i+1, n, s.Run,
			s.WriteLevel, s.ReadLevel, s.Workload, text.Plural(s.Nodes, "node"), text.Count(s.Load.OK), s.Load.Faults.TookEffect, a.Style.Status(s.Status))
		for _, v := range s.Verdicts {
			for _, r := range v.Reasons {
				fmt.Fprintf(a.Text, "         %s: %s\n", v.Model, r)
			}
		}
	}
	fmt.Fprintf(a.Text, "%s, %s\n", text.Plural(n, "run"), text.Plural(alarms, "alarm"))
	return &cli.ExitError{Code: code}
}
