package output

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/internal/pure"
	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/results/report"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/suite"
)

// FileReport is the report in the directory of a run or a suite.
const FileReport = "report.html"

// SaveSuiteReport writes the report into the suite's directory, from where it can
// lead to the reports of the runs.
func SaveSuiteReport(ctx context.Context, a *cli.App, res *gate.SuiteResult) (string, error) {
	file := filepath.Join(a.Out, suite.DirSuites, res.ID, FileReport)
	s := suiteSource(a, res)
	s.Link = func(run string) string { return "../../" + run + "/" + FileReport }
	return file, writeSuite(ctx, s, file)
}

// WriteSuiteReport draws a suite into a file from which nothing can be led to.
func WriteSuiteReport(ctx context.Context, a *cli.App, res *gate.SuiteResult, file string) error {
	return writeSuite(ctx, suiteSource(a, res), file)
}

func writeSuite(ctx context.Context, s *report.SuiteSource, file string) error {
	return writeDrawn(ctx, file, func(w io.Writer) error { return report.RenderSuite(w, s) })
}

// writeDrawn writes what draw draws, nothing when ctx is done before.
func writeDrawn(ctx context.Context, file string, draw func(io.Writer) error) error {
	page, err := pure.Until(ctx, "drawing the report", func() ([]byte, error) {
		var b bytes.Buffer
		err := draw(&b)
		return b.Bytes(), err
	})
	if err != nil {
		return err
	}
	return cli.WriteWhole(file, func(w io.Writer) error {
		_, err := w.Write(page)
		return err
	})
}

// DrawSuite draws a suite's report for a place from which nothing can be led to.
func DrawSuite(a *cli.App, w io.Writer, res *gate.SuiteResult) error {
	return report.RenderSuite(w, suiteSource(a, res))
}

func suiteSource(a *cli.App, res *gate.SuiteResult) *report.SuiteSource {
	return &report.SuiteSource{Result: res, Open: func(id string) (store.Dir, error) { return store.Open(a.Out, id) }}
}

// Drawing is what became of a report: it is there, or Err, an interrupt or a run that nothing was kept of kept it from being drawn.
type Drawing struct {
	Drawn bool
	Err   error
}

// DrawRun writes the report into the directory of a run, not when ctx is done before it is drawn: whoever interrupts a
// run has the verdict, and waits for no picture, which lapse report draws later. What goes wrong is said and returned.
func DrawRun(ctx context.Context, a *cli.App, dir store.Dir) Drawing {
	if _, err := os.Stat(dir.Path); errors.Is(err, fs.ErrNotExist) {
		return Drawing{} // nothing of the run could be written, and that was said
	}
	return drawing(ctx, a, WriteReport(ctx, dir, dir.File(FileReport)))
}

// DrawSuiteReport writes the report of a suite into its directory, as DrawRun does that of a run, and says where it is.
func DrawSuiteReport(ctx context.Context, a *cli.App, res *gate.SuiteResult) Drawing {
	file, err := SaveSuiteReport(ctx, a, res)
	d := drawing(ctx, a, err)
	switch {
	case d.Drawn:
		fmt.Fprintln(a.Stderr, "report: "+file)
	case d.Err == nil:
		fmt.Fprintf(a.Stderr, "report: interrupted before it was drawn; lapse report %s --suite draws it\n", res.ID)
	}
	return d
}

func drawing(ctx context.Context, a *cli.App, err error) Drawing {
	var interrupted *pure.InterruptedError
	if errors.As(err, &interrupted) && ctx.Err() != nil {
		return Drawing{}
	}
	if err != nil {
		fmt.Fprintln(a.Stderr, "lapse: there is no report: "+err.Error())
	}
	return Drawing{Drawn: err == nil, Err: err}
}

// Undrawn is how a command ends whose report was not drawn because of err, nil if it
// was, or was left to lapse report. A picture is no part of the verdict, but a full disk is said by the exit code:
// who keeps the report would miss it.
func Undrawn(exit verdict.Exit, err error) *verdict.Exit {
	if err == nil || runs.ExitOf(err) != verdict.ExitEnvironment {
		return &exit
	}
	if code := verdict.WorseExit(exit.Code, verdict.ExitEnvironment); code != exit.Code {
		return &verdict.Exit{Code: code, Reason: exit.Reason + ", but the report could not be written"}
	}
	return &exit
}

// WriteReport draws a run. Nothing is written when ctx is done before the report is drawn.
func WriteReport(ctx context.Context, dir store.Dir, file string) error {
	return writeDrawn(ctx, file, func(w io.Writer) error { return report.Write(w, dir) })
}
