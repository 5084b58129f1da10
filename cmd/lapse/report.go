package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/results/report"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/suite"
	"github.com/lapse-test/lapse/targets"
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
		RunE: func(_ *cobra.Command, args []string) error {
			if ofSuite {
				return a.reportSuite(args[0], file)
			}
			dir, err := store.Open(a.out, args[0])
			if err != nil {
				return err
			}
			if file == "" {
				file = dir.File(fileReport)
			}
			if err := writeReport(dir, file); err != nil {
				return err
			}
			return a.printReport("run", dir.ID, file)
		},
	}
	c.Flags().StringVarP(&file, "output", "o", "", "file to write (default: report.html in the directory of the run or suite)")
	c.Flags().BoolVar(&ofSuite, "suite", false, "RUN is the result of a suite: a file, a directory, an identifier, or latest")
	return c
}

const fileReport = "report.html"

func (a *app) printReport(kind, id, file string) error {
	if a.json {
		return a.printJSON(map[string]string{kind: id, "report": file})
	}
	_, err := fmt.Fprintln(a.stdout, file)
	return err
}

func (a *app) reportSuite(ref, file string) error {
	res, err := a.openSuite(ref)
	if err != nil {
		return err
	}
	if file == "" {
		if file, err = a.saveSuiteReport(res); err != nil {
			return err
		}
	} else if err := writeFile(file, func(w io.Writer) error { return a.drawSuite(w, res) }); err != nil {
		return err
	}
	return a.printReport("suite", res.ID, file)
}

// saveSuiteReport writes the report into the suite's directory, from where it can
// lead to the reports of the runs.
func (a *app) saveSuiteReport(res *gate.SuiteResult) (string, error) {
	file := filepath.Join(a.out, suite.DirSuites, res.ID, fileReport)
	return file, writeFile(file, func(w io.Writer) error {
		s := a.suiteSource(res)
		s.Link = func(run string) string { return "../../" + run + "/" + fileReport }
		return report.RenderSuite(w, s)
	})
}

// drawSuite draws a suite's report for a place from which nothing can be led to.
func (a *app) drawSuite(w io.Writer, res *gate.SuiteResult) error {
	return report.RenderSuite(w, a.suiteSource(res))
}

func (a *app) suiteSource(res *gate.SuiteResult) *report.SuiteSource {
	return &report.SuiteSource{Result: res, Open: func(id string) (store.Dir, error) { return store.Open(a.out, id) }}
}

// drawRun writes the report into the directory of a run. A picture is no part of
// the verdict: what goes wrong is said, and that is all.
func (a *app) drawRun(dir store.Dir) {
	if err := writeReport(dir, dir.File(fileReport)); err != nil {
		fmt.Fprintln(a.stderr, "lapse: "+err.Error())
	}
}

// writeReport draws a run.
func writeReport(dir store.Dir, file string) error {
	return writeFile(file, func(w io.Writer) error { return report.Write(w, dir) })
}

// writeFile writes beside the file and renames, so that a reader never sees half
// a report.
func writeFile(file string, draw func(io.Writer) error) error {
	tmp, err := os.CreateTemp(filepath.Dir(file), ".report-*")
	if err != nil {
		var where *fs.PathError
		if errors.As(err, &where) {
			err = where.Err
		}
		return targets.Usagef("nothing can be written to %s (%v); name another file with -o", filepath.Dir(file), err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // gone already when all went well
	err = draw(tmp)
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
