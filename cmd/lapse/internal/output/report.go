package output

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/results/report"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/suite"
	"github.com/lapse-test/lapse/targets"
)

// FileReport is the report in the directory of a run or a suite.
const FileReport = "report.html"

// SaveSuiteReport writes the report into the suite's directory, from where it can
// lead to the reports of the runs.
func SaveSuiteReport(a *cli.App, res *gate.SuiteResult) (string, error) {
	file := filepath.Join(a.Out, suite.DirSuites, res.ID, FileReport)
	return file, WriteDrawn(file, func(w io.Writer) error {
		s := suiteSource(a, res)
		s.Link = func(run string) string { return "../../" + run + "/" + FileReport }
		return report.RenderSuite(w, s)
	})
}

// DrawSuite draws a suite's report for a place from which nothing can be led to.
func DrawSuite(a *cli.App, w io.Writer, res *gate.SuiteResult) error {
	return report.RenderSuite(w, suiteSource(a, res))
}

func suiteSource(a *cli.App, res *gate.SuiteResult) *report.SuiteSource {
	return &report.SuiteSource{Result: res, Open: func(id string) (store.Dir, error) { return store.Open(a.Out, id) }}
}

// DrawRun writes the report into the directory of a run. A picture is no part of
// the verdict: what goes wrong is said, and that is all.
func DrawRun(a *cli.App, dir store.Dir) {
	if err := WriteReport(dir, dir.File(FileReport)); err != nil {
		fmt.Fprintln(a.Stderr, "lapse: "+err.Error())
	}
}

// WriteReport draws a run.
func WriteReport(dir store.Dir, file string) error {
	return WriteDrawn(file, func(w io.Writer) error { return report.Write(w, dir) })
}

// WriteDrawn writes beside the file and renames, so that a reader never sees half
// a report.
func WriteDrawn(file string, draw func(io.Writer) error) error {
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
