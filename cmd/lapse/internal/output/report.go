package output

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/results/report"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/suite"
)

// FileReport is the report in the directory of a run or a suite.
const FileReport = "report.html"

// SaveSuiteReport writes the report into the suite's directory, from where it can
// lead to the reports of the runs.
func SaveSuiteReport(a *cli.App, res *gate.SuiteResult) (string, error) {
	file := filepath.Join(a.Out, suite.DirSuites, res.ID, FileReport)
	return file, cli.WriteWhole(file, func(w io.Writer) error {
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
// the verdict: what goes wrong is said, and whether there is one is returned.
func DrawRun(a *cli.App, dir store.Dir) bool {
	err := WriteReport(dir, dir.File(FileReport))
	if err != nil {
		fmt.Fprintln(a.Stderr, "lapse: there is no report: "+err.Error())
	}
	return err == nil
}

// WriteReport draws a run.
func WriteReport(dir store.Dir, file string) error {
	return cli.WriteWhole(file, func(w io.Writer) error { return report.Write(w, dir) })
}
