package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/cmd/lapse/internal/output"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/suite"
)

// storedRun is a run of which everything is in its directory but the report.
func storedRun(t *testing.T, out string) *runs.Finished {
	t.Helper()
	f := &runs.Finished{Dir: store.Dir{Path: filepath.Join(out, "a-run"), ID: "a-run"}}
	f.Summary = store.Summary{
		Schema: store.SummarySchema, Run: f.Dir.ID, State: store.StateInterrupted,
		Exit: &verdict.Exit{Code: verdict.ExitInterrupted, Reason: store.StateInterrupted}, Assessment: verdict.Assessment{Status: checkers.Inconclusive},
	}
	h, err := history.ReadFile(storeHistory(t, 2))
	if err == nil {
		err = os.Mkdir(f.Dir.Path, 0o700)
	}
	if err == nil {
		err = history.WriteFile(f.Dir.File(store.FileHistory), h)
	}
	if err == nil {
		err = f.Dir.WriteJSON(store.FileRun, &f.Summary)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestInterruptLeavesTheReport: who interrupts a run has its verdict without waiting for a picture, is told how to have it, and has it then. It
// changes no exit code.
func TestInterruptLeavesTheReport(t *testing.T) {
	for _, interrupted := range []bool{false, true} {
		f := storedRun(t, t.TempDir())
		ctx, interrupt := context.WithCancel(t.Context())
		defer interrupt()
		if interrupted {
			interrupt()
		}
		var out, errs bytes.Buffer
		a := cli.New(&out, &errs, databases(), nodeProviders())
		a.Text = &out
		report := output.DrawRun(ctx, a, f.Dir)
		output.PrintFinished(a, f, report)
		_, err := os.Stat(f.Dir.File(output.FileReport))
		if is := err == nil; is == interrupted || report.Drawn != is || report.Err != nil || errs.Len() > 0 {
			t.Errorf("interrupted %t: %v, %+v, %s", interrupted, err, report, errs.String())
		}
		if exit := output.Undrawn(*f.Summary.Exit, report.Err); *exit != *f.Summary.Exit {
			t.Errorf("interrupted %t: exit %+v", interrupted, exit)
		}
		told := strings.Contains(out.String(), "interrupted before its report was drawn; lapse report a-run draws it")
		if told != interrupted || strings.Contains(out.String(), "(report.html in it)") == interrupted {
			t.Errorf("interrupted %t: %s", interrupted, out.String())
		}
		if code, _, errs := lapse(t, "report", "a-run", "--out", filepath.Dir(f.Dir.Path)); code != 0 {
			t.Errorf("interrupted %t: lapse report: exit %d: %s", interrupted, code, errs)
		}
		if _, err := os.Stat(f.Dir.File(output.FileReport)); err != nil {
			t.Error(err)
		}
	}
}

// TestInterruptLeavesTheSuitesReport: so it is with a suite.
func TestInterruptLeavesTheSuitesReport(t *testing.T) {
	for _, interrupted := range []bool{false, true} {
		var out, errs bytes.Buffer
		a := cli.New(&out, &errs, databases(), nodeProviders())
		a.Out = t.TempDir()
		res := &gate.SuiteResult{ID: "a-suite"}
		dir := filepath.Join(a.Out, suite.DirSuites, res.ID)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		ctx, interrupt := context.WithCancel(t.Context())
		defer interrupt()
		if interrupted {
			interrupt()
		}
		report := output.DrawSuiteReport(ctx, a, res)
		_, err := os.Stat(filepath.Join(dir, output.FileReport))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if is := err == nil; is == interrupted || report.Drawn != is || report.Err != nil {
			t.Errorf("interrupted %t: %v, %+v, %s", interrupted, err, report, errs.String())
		}
		if strings.Contains(errs.String(), "lapse report a-suite --suite draws it") != interrupted {
			t.Errorf("interrupted %t: %s", interrupted, errs.String())
		}
	}
}
