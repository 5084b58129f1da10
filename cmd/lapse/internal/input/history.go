// Package input opens what commands are given: stored runs, histories in files,
// suite files and their results, baselines. Its errors are of the user's input
// unless what is there cannot be read.
package input

import (
	"os"

	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/history/formats"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/targets"
)

// Loaded is a history with what is known about how it came to be.
type Loaded struct {
	History *history.History
	Require verdict.Require
	// Models are those of the run.
	Models []string
	// Promises is what the run's database promises, nil if that is not known.
	Promises *verdict.Promises
	// Format is what the file was in; Dir and Summary are set for a run.
	Format  string
	Dir     *store.Dir
	Summary store.Summary
}

// History opens a run or reads a file.
func History(a *cli.App, ref, format string) (*Loaded, error) {
	if format == "" {
		dir, err := store.Open(a.Out, ref)
		if err == nil {
			return loadRun(dir)
		}
		if _, statErr := os.Stat(ref); statErr != nil {
			return nil, targets.Usagef("there is no file %s, and %v", ref, err)
		}
	}
	if format == "" {
		var err error
		if format, err = formats.Recognise(ref); err != nil {
			return nil, targets.Usagef("%v", err)
		}
	}
	h, err := formats.Read(ref, format)
	if err != nil {
		return nil, targets.Usagef("%v", err)
	}
	return &Loaded{History: h, Require: verdict.Require{OK: 1}, Format: format}, nil
}

func loadRun(dir store.Dir) (*Loaded, error) {
	h, err := dir.History()
	if err != nil {
		return nil, err
	}
	var s store.Summary
	if err := dir.ReadJSON(store.FileRun, &s); err != nil {
		return nil, err
	}
	l := &Loaded{Format: "lapse", History: h, Require: s.Require, Promises: s.Promises, Dir: &dir, Summary: s}
	for _, v := range s.Verdicts {
		l.Models = append(l.Models, v.Model)
	}
	if len(l.Models) == 0 {
		// A killed run never got that far; its plan knows.
		var plan struct {
			Models []string `json:"models"`
		}
		if err := dir.ReadJSON(store.FilePlan, &plan); err != nil {
			return nil, err
		}
		l.Models = plan.Models
	}
	return l, nil
}
