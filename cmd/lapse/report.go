package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/results"
	"github.com/lapse-test/lapse/results/report"
)

func (a *app) reportCommand() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "report RUN",
		Short: "Write the HTML report of a stored run: one file, no network needed",
		Example: `  lapse report latest
  lapse report latest -o report.html`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir, err := results.Open(a.out, args[0])
			if err != nil {
				return err
			}
			if file == "" {
				file = dir.File("report.html")
			}
			if err := writeReport(dir, file); err != nil {
				return err
			}
			if a.json {
				return a.printJSON(map[string]string{"run": dir.ID, "report": file})
			}
			_, err = fmt.Fprintln(a.stdout, file)
			return err
		},
	}
	c.Flags().StringVarP(&file, "output", "o", "", "file to write (default: report.html in the run directory)")
	return c
}

// writeReport writes beside the file and renames, so that a reader never sees
// half a report.
func writeReport(dir results.Dir, file string) error {
	tmp, err := os.CreateTemp(filepath.Dir(file), ".report-*")
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // gone already when all went well
	err = report.Write(tmp, dir)
	if closeErr := tmp.Close(); err == nil && closeErr != nil {
		err = fmt.Errorf("writing the report: %w", closeErr)
	}
	if err != nil {
		return err
	}
	if err := os.Chmod(tmp.Name(), 0o644); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if err := os.Rename(tmp.Name(), file); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}
