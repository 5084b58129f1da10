package main

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/cmd/lapse/internal/input"
	"github.com/lapse-test/lapse/cmd/lapse/internal/runner"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/suite"
	"github.com/lapse-test/lapse/suites"
	"github.com/lapse-test/lapse/targets"
)

func (a *app) reproduceCommand() *cobra.Command {
	var times int
	var dryRun bool
	c := &cobra.Command{
		Use:   "reproduce [NAME...]",
		Short: "Show a finding of the track record again, and that it is gone under its control's setting",
		Long: `Without a name list the findings of the shipped suite ` + suites.KnownFindings + `: what was found on
real systems, published or measured, see docs/track-record.md.

With names fetch each one's version of the database, run it and its control, which is
the same with the setting under which the finding is gone, and compare with what is on
record. Exit 0: reproduced; 1: the control was violated; 2: not seen, or the control is
inconclusive; 3: the database is not to be had.`,
		Example: `  lapse reproduce
  lapse reproduce postgres-replica-reads
  lapse reproduce postgres-write-skew postgres-lost-update --times 3`,
		RunE: func(cmd *cobra.Command, names []string) error {
			if times < 1 {
				return targets.Usagef("--times %d: must be 1 or more", times)
			}
			return a.reproduce(cmd, names, times, dryRun)
		},
	}
	c.Flags().IntVar(&times, "times", 1, "run each finding and its control so many times")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "check everything and print what would be run")
	a.AddRunFlags(c)
	return c
}

func (a *app) reproduce(cmd *cobra.Command, names []string, times int, dryRun bool) error {
	env, err := a.Environment()
	if err != nil {
		return err
	}
	load := func() (*suite.Suite, error) {
		s, err := input.Suite(cmd.Context(), a.App, suites.KnownFindings, nil, env)
		if err == nil && len(names) > 0 {
			err = s.Only(names...)
		}
		return s, err
	}
	s, err := load()
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return a.listFindings(s)
	}
	if dryRun {
		for i := range s.Cells {
			fmt.Fprintf(a.Stdout, "%-70s %6s\n", s.Cells[i].ID, duration.Text(s.Cells[i].Estimate()))
		}
		fmt.Fprintln(a.Stderr, "nothing was run: without --dry-run it is")
		return nil
	}
	p, err := runner.ChooseForSuite(cmd.Context(), a.App, s, env)
	if err != nil {
		return err
	}
	if p.Exited {
		return p.Exit()
	}
	fmt.Fprintf(a.Notes(), "lapse %s · %s · seed %d · %s, about %s · %s\n", runs.Version(), strings.Join(names, ", "), s.Seed, text.Plural(times*len(s.Cells), "run"), duration.Text(time.Duration(times)*s.Estimate()), p.Reason)
	var results []*gate.SuiteResult
	for range times {
		// Planned anew: a plan is carried out once.
		if s, err = load(); err != nil {
			return err
		}
		res, err := s.Run(cmd.Context(), env, suite.Options{Provider: p.Provider, Reason: p.Reason, Done: func(_, _ int, c *gate.CaseResult) {
			fmt.Fprintln(a.Notes(), strings.TrimSpace(fmt.Sprintf("%-12s %s  %s  %s", c.Status, c.ID, duration.Seconds(c.Seconds), c.Reason)))
		}})
		if err != nil {
			return err
		}
		if res.Exit.Code == verdict.ExitInterrupted {
			return &cli.ExitError{Code: res.Exit.Code}
		}
		results = append(results, res)
	}
	return a.printReproduced(s, names, results)
}

// listFindings prints what is on record.
func (a *app) listFindings(s *suite.Suite) error {
	type listed struct {
		Name string `json:"name"`
		suite.Finding
	}
	var all []listed
	for _, name := range s.File.Findings() {
		all = append(all, listed{name, *s.File.Case(name).Finding})
	}
	if a.JSON {
		return a.PrintJSON(all)
	}
	for _, f := range all {
		fmt.Fprintf(a.Text, "%s  %s\n    %s\n    gone with %s\n", a.Style.Bold(fmt.Sprintf("%-36s", f.Name)), f.System, f.Says, f.GoneWith)
	}
	fmt.Fprintf(a.Text, "%d findings; lapse reproduce NAME runs one and its control\n", len(all))
	return nil
}

func (a *app) printReproduced(s *suite.Suite, names []string, results []*gate.SuiteResult) error {
	code := verdict.ExitHeld
	var all []suite.Reproduction
	for _, name := range names {
		r := s.File.Reproduced(name, results)
		code = verdict.WorseExit(code, r.Exit.Code)
		all = append(all, r)
	}
	if a.JSON {
		if err := a.PrintJSON(all); err != nil {
			return err
		}
		return &cli.ExitError{Code: code}
	}
	for i := range all {
		a.printReproduction(&all[i])
	}
	return &cli.ExitError{Code: code}
}

func (a *app) printReproduction(r *suite.Reproduction) {
	f, promised := r.Finding, "what the configuration allows"
	if f.Promised {
		promised = "the documentation promises otherwise"
	}
	fmt.Fprintf(a.Text, "\n%s  %s\n", a.Style.Bold(r.Name), f.System)
	fmt.Fprintf(a.Text, "  on record  %s\n             seen in %s, %s; %s\n             source: %s\n", f.Says, f.Seen, f.Date, promised, f.Source)
	for i, t := range r.Tries {
		if i == 0 {
			if version := a.versionOf(t.Case.Run); version != "" {
				fmt.Fprintf(a.Text, "  ran on     %s%s\n", version, otherVersion(f.System, version))
			}
		}
		a.printTry("finding", &t.Case)
		a.printTry("control", &t.Control)
	}
	if n := len(r.Tries); n > 0 {
		fmt.Fprintf(a.Stdout, "  again by   %s\n", r.Tries[n-1].Case.Reproduce) // to be copied
		fmt.Fprintf(a.Text, "  gone with  %s\n", f.GoneWith)
	}
	fmt.Fprintf(a.Text, "result: %s (exit %d)\n", r.Exit.Reason, r.Exit.Code)
}

func (a *app) printTry(what string, c *gate.CaseResult) {
	said := c.Reason
	for _, j := range c.Claims {
		said = fmt.Sprintf("%s %s: %s", j.Model, a.Style.Status(j.Observed), strings.ReplaceAll(j.Detail, "\n", " "))
	}
	fmt.Fprintf(a.Text, "  %s    %s\n", what, said)
	if c.Run != "" {
		fmt.Fprintf(a.Stdout, "             %s\n", a.Style.Dim("lapse show "+c.Run))
	}
}

// versionOf is what a run's database said of itself, "" if that is not known.
func (a *app) versionOf(run string) string {
	dir, err := store.Open(a.Out, run)
	var s store.Summary
	if run == "" || err != nil || dir.ReadJSON(store.FileRun, &s) != nil {
		return "" // a remark less
	}
	return s.Version
}

var versionNumber = regexp.MustCompile(`\d+(\.\d+)+`)

// otherVersion says that what ran is not what is on record.
func otherVersion(record, ran string) string {
	if n := versionNumber.FindString(record); n != "" && !strings.Contains(ran, n) {
		return ", which is another version than on record: " + n
	}
	return ""
}
