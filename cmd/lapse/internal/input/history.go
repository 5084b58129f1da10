// Package input opens what commands are given: stored runs, histories in files,
// suite files and their results, baselines. Its errors are of the user's input
// unless what is there cannot be read.
package input

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/pflag"

	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/history/formats"
	"github.com/lapse-test/lapse/internal/pure"
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
	// Format is what the file was in, Type what its operations are on as far as that was
	// not clear from the format, and TypeWhy the reason. Dir and Summary are set for a run.
	Format  string
	Type    string
	TypeWhy string
	Dir     *store.Dir
	// Cut says why a history is not whole that is torn by no killed run: its run was interrupted, or its end did not come.
	Cut     string
	Summary store.Summary
	// Places are the indexes that the operations of History have in the whole, where it has those of the witnesses alone; nil
	// where it has all of them.
	Places []int
}

// Options are flags that say what a file itself does not.
type Options struct {
	// Format, Type and Nemesis are as in formats.Options; Nemesis is a list with
	// commas.
	Format, Type, Nemesis string
}

// Add adds the flags; name is what that of the format is called.
func (o *Options) Add(fl *pflag.FlagSet, name string) {
	fl.StringVar(&o.Format, name, "", "format of the file (default: recognised)")
	fl.StringVar(&o.Type, "type", "", "what the operations of a Jepsen history are on: "+strings.Join(formats.Types(), ", ")+" (default: follows from them)")
	fl.StringVar(&o.Nemesis, "nemesis", "", "processes of a Jepsen history that inject faults, besides nemesis, comma-separated")
}

// plain tells whether nothing is said, so that a reference may be a run.
func (o *Options) plain() bool { return o.Format == "" && o.Type == "" && o.Nemesis == "" }

// History opens a run, reads a file, or standard input for "-". It returns as soon as ctx
// is done.
func History(ctx context.Context, a *cli.App, ref string, o Options) (*Loaded, error) {
	return pure.Until(ctx, "reading "+formats.Called(ref), func() (*Loaded, error) { return load(a, ref, o) })
}

// manyOps is from how many operations on what reading took, the file itself among it, is
// given back before a check takes memory of its own. Histories hold few pointers, so that
// this takes milliseconds.
const manyOps = 1 << 14

func load(a *cli.App, ref string, o Options) (*Loaded, error) {
	if o.plain() && ref != formats.Stdin {
		dir, err := store.Open(a.Out, ref)
		if err == nil {
			return loadRun(dir)
		}
		if several := (*store.SeveralError)(nil); errors.As(err, &several) {
			return nil, err
		}
		if _, statErr := os.Stat(ref); statErr != nil {
			return nil, targets.Usagef("there is no file %s, and %v", ref, err)
		}
	}
	read := formats.Options{Format: o.Format, Type: o.Type}
	if o.Nemesis != "" {
		read.Nemesis = strings.Split(o.Nemesis, ",")
	}
	h, format, err := formats.Read(ref, read)
	if err != nil {
		return nil, targets.Usagef("%v", err)
	}
	if len(h.Ops) == 0 {
		return nil, targets.Usagef("%s: read as %s, it holds no operation", formats.Called(ref), format)
	}
	if len(h.Ops) >= manyOps {
		runtime.GC()
	}
	l := &Loaded{History: h, Require: verdict.Require{OK: 1}, Format: format}
	l.Type, l.TypeWhy = h.Header.Attributes[formats.AttributeType], h.Header.Attributes[formats.AttributeTypeWhy]
	return l, nil
}

func loadRun(dir store.Dir) (*Loaded, error) {
	h, err := dir.History()
	if err != nil {
		return nil, err
	}
	l, err := aboutRun(dir)
	if err != nil {
		return nil, err
	}
	l.History = h
	return l, nil
}

// aboutRun is a stored run without its history.
func aboutRun(dir store.Dir) (*Loaded, error) {
	var s store.Summary
	if err := dir.ReadJSON(store.FileRun, &s); err != nil {
		return nil, err
	}
	l := &Loaded{Format: "lapse", Require: s.Require, Promises: s.Promises, Dir: &dir, Summary: s}
	if s.State == store.StateInterrupted {
		l.Cut = "the run was interrupted: what follows is about what it had done until then"
	}
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
