package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/cmd/lapse/internal/input"
	"github.com/lapse-test/lapse/cmd/lapse/internal/output"
	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/targets"
)

func (a *app) gateCommand() *cobra.Command {
	var ref, baseline, until, reason string
	var outputs []string
	var accept bool
	c := &cobra.Command{
		Use:   "gate",
		Short: "Decide whether a suite's result blocks, given what is known",
		Long: `Compare the result of a suite with a baseline of known violations: new ones block,
known ones do not until the day that stands with them, and one that is resolved is
said to be. A violation never becomes green by running again.

--accept writes the new violations into the baseline, with a day and a reason, and
takes out what is resolved.`,
		Example: `  lapse gate
  lapse gate --results latest --baseline .lapse/baseline.json --output junit=junit.xml
  lapse gate --baseline .lapse/baseline.json --accept --until 2027-03-01 --reason "asynchronous by design"`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := output.CheckFiles(outputs); err != nil {
				return err
			}
			res, err := input.SuiteResult(a.App, ref)
			if err != nil {
				return err
			}
			var known gate.Baseline
			if accept {
				known, err = input.NewBaseline(baseline)
			} else {
				known, err = input.Baseline(a.App, baseline)
			}
			if err != nil {
				return err
			}
			if res.State == "running" {
				return targets.Usagef("suite %s was not finished; go on with lapse run %s --resume", res.ID, res.File)
			}
			if res.Gate, err = gate.Judge(res, known.Known, time.Now()); err != nil {
				return targets.Usagef("%v", err)
			}
			if accept {
				return a.acceptFindings(res, known, baseline, until, reason)
			}
			res.Exit = &res.Gate.Exit
			if err := output.WriteFiles(a.App, res, outputs); err != nil {
				return err
			}
			if a.JSON {
				err = a.PrintJSON(res.Gate)
			} else {
				text.PrintGate(a.Stdout, a.Style, res.Gate)
				_, err = fmt.Fprintf(a.Stdout, "gate: %s (exit %d)   (%s)\n", res.Exit.Reason, res.Exit.Code, res.ID)
			}
			if err != nil {
				return err
			}
			return &cli.ExitError{Code: res.Exit.Code}
		},
	}
	f := c.Flags()
	f.StringVar(&ref, "results", input.Latest, "result of a suite: a file, a directory, an identifier, or latest")
	f.StringVar(&baseline, "baseline", "", "file with what is known")
	f.BoolVar(&accept, "accept", false, "write new violations into the baseline and take resolved ones out")
	f.StringVar(&until, "until", "", "with --accept: last day on which they do not block, such as 2027-03-01")
	f.StringVar(&reason, "reason", "", "with --accept: why")
	output.AddFilesFlag(c, &outputs)
	return c
}

func (a *app) acceptFindings(res *gate.SuiteResult, b gate.Baseline, path, until, reason string) error {
	if path == "" {
		return targets.Usagef("--accept needs --baseline FILE to write to")
	}
	accepted := slices.Concat(res.Gate.New, res.Gate.Expired)
	if len(accepted) > 0 {
		if _, err := time.Parse(time.DateOnly, until); err != nil {
			return targets.Usagef("--accept needs --until with a day such as 2027-03-01: nothing is known for ever")
		}
		if strings.TrimSpace(reason) == "" {
			return targets.Usagef("--accept needs --reason")
		}
	}
	gone := slices.Concat(accepted, res.Gate.Resolved)
	b.Known = slices.DeleteFunc(b.Known, func(k gate.KnownIssue) bool {
		return slices.ContainsFunc(gone, func(f gate.Finding) bool { return f.ID == k.ID })
	})
	for _, f := range accepted {
		b.Known = append(b.Known, gate.KnownIssue{ID: f.ID, Until: until, Reason: reason})
	}
	text, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the baseline: %w", err)
	}
	if err := cli.WriteText(path, append(text, '\n')); err != nil {
		return fmt.Errorf("--baseline: %w", err)
	}
	for _, f := range accepted {
		fmt.Fprintf(a.Text, "accepted     %s\n    until %s (%s)\n", f.ID, until, reason)
	}
	for _, f := range res.Gate.Resolved {
		fmt.Fprintf(a.Text, "taken out    %s\n    it was not violated any more\n", f.ID)
	}
	_, err = fmt.Fprintf(a.Text, "%s: %d accepted, %d taken out, %d known\n", path, len(accepted), len(res.Gate.Resolved), len(b.Known))
	return err
}
