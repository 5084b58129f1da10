package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/cmd/lapse/internal/input"
	"github.com/lapse-test/lapse/cmd/lapse/internal/output"
	"github.com/lapse-test/lapse/results/store"
)

func (a *app) reportCommand() *cobra.Command {
	var file string
	var ofSuite bool
	c := &cobra.Command{
		Use:   "report RUN",
		Short: "Write the HTML report of a stored run or suite: one file, no network needed",
		Long: `Write the report of a stored run, or with --suite that of a suite, as one HTML file
that needs no network. A suite's report has all its claims and the proof of each that
was seen to break.`,
		Example: `  lapse report latest
  lapse report latest -o report.html
  lapse report latest --suite`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if ofSuite {
				return a.reportSuite(cmd.Context(), args[0], file)
			}
			dir, err := store.Open(a.Out, args[0])
			if err != nil {
				return err
			}
			if file == "" {
				file = dir.File(output.FileReport)
			}
			if err := output.WriteReport(cmd.Context(), dir, file); err != nil {
				return err
			}
			return a.printReport("run", dir.ID, file)
		},
	}
	c.Flags().StringVarP(&file, "output", "o", "", "file to write (default: report.html in the directory of the run or suite)")
	c.Flags().BoolVar(&ofSuite, "suite", false, "RUN is the result of a suite: a file, a directory, an identifier, or latest")
	return c
}

func (a *app) printReport(kind, id, file string) error {
	if a.JSON {
		return a.PrintJSON(map[string]string{kind: id, "report": file})
	}
	_, err := fmt.Fprintln(a.Stdout, file)
	return err
}

func (a *app) reportSuite(ctx context.Context, ref, file string) error {
	res, err := input.SuiteResult(a.App, ref)
	if err != nil {
		return err
	}
	if file == "" {
		if file, err = output.SaveSuiteReport(ctx, a.App, res); err != nil {
			return err
		}
	} else if err := output.WriteSuiteReport(ctx, a.App, res, file); err != nil {
		return err
	}
	return a.printReport("suite", res.ID, file)
}
