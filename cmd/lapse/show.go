package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/cmd/lapse/internal/output"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/picture"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/results/violations"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
)

func (a *app) showCommand() *cobra.Command {
	var violation int
	var ops, stale bool
	var key, format string
	c := &cobra.Command{
		Use:   "show RUN",
		Short: "Explain a stored run: verdicts, faults with their proof, violations",
		Example: `  lapse show latest
  lapse show latest --violation 2
  lapse show latest --staleness
  lapse show latest -v 1 --format svg > witness.svg
  lapse show latest -v 1 --format json
  lapse show latest --ops --key k4`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir, err := store.Open(a.Out, args[0])
			if err != nil {
				return err
			}
			switch format {
			case formatText, formatJSON, formatSVG:
			default:
				return targets.Usagef("--format %s: must be text, json or svg", format)
			}
			if format == formatSVG && (a.JSON || violation == 0) {
				return targets.Usagef("--format svg draws one violation: name it with -v N, without --json")
			}
			a.JSON = a.JSON || format == formatJSON
			if ops {
				return a.showOps(dir, key)
			}
			if stale {
				return a.showStaleness(dir)
			}
			return a.show(dir, violation, format)
		},
	}
	c.Flags().IntVarP(&violation, "violation", "v", 0, "show only the violation with this number (default: all that were kept)")
	c.Flags().StringVar(&format, "format", formatText, "text, json, or (for one violation) svg: a picture")
	c.Flags().BoolVar(&ops, "ops", false, "list the operations instead")
	c.Flags().BoolVar(&stale, "staleness", false, "show how stale reads were instead: by level, and inside and outside fault windows")
	c.Flags().StringVar(&key, "key", "", "with --ops: only operations on this key")
	return c
}

// The forms in which a violation can be shown.
const (
	formatText = "text"
	formatJSON = "json"
	formatSVG  = "svg"
)

func (a *app) show(dir store.Dir, violation int, format string) (err error) {
	var s store.Summary
	if err := dir.ReadJSON(store.FileRun, &s); err != nil {
		return err
	}
	s.State = dir.StateOf(&s)
	o, done, err := dir.Ordered()
	if errors.Is(err, fs.ErrNotExist) && violation == 0 {
		return a.showWithoutHistory(dir, &s)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	if err := dir.Fits(&s, o); err != nil {
		return err
	}
	h, places, err := violations.Load(o, &s.Assessment)
	if err != nil {
		return fmt.Errorf("loading the witnesses of run %s: %w", dir.ID, err)
	}
	among := s.Among(places)
	if violation != 0 {
		return a.showViolation(h, &among, places, violation, format)
	}
	if a.JSON {
		doc := struct {
			*store.Summary
			Faults    []history.Fault      `json:"faults"`
			Events    []history.Event      `json:"events"`
			Witnesses []violations.Witness `json:"witnesses"`
		}{Summary: &s, Faults: h.Faults, Events: h.Events, Witnesses: violations.Witnesses(h, &among, places)}
		return a.PrintJSON(doc)
	}
	text.PrintSummary(a.Text, a.Style, h, &s)
	output.PrintViolations(a.App, h, &among, s.Kept())
	return nil
}

// showWithoutHistory says what is known of a run that ended before its load began.
func (a *app) showWithoutHistory(dir store.Dir, s *store.Summary) error {
	if a.JSON {
		return a.PrintJSON(s)
	}
	fmt.Fprintf(a.Text, "run %s: %s, %s, write %s, read %s, %s, seed %d: %s\n",
		s.Run, s.Target, text.Plural(s.Nodes, "node"), s.WriteLevel, s.ReadLevel, s.Workload, s.Seed, stateOf(a, dir, s))
	why := s.WithoutHistory()
	fmt.Fprintln(a.Text, strings.ToUpper(why[:1])+why[1:]+".")
	if s.Environment != "" {
		fmt.Fprintln(a.Text, "What went wrong: "+s.Environment)
	}
	_, err := fmt.Fprintf(a.Text, "log:    %s\nagain:  %s\n", dir.File(store.FileLog), s.Reproduce)
	return err
}

func (a *app) showStaleness(dir store.Dir) error {
	var s store.Summary
	if err := dir.ReadJSON(store.FileRun, &s); err != nil {
		return err
	}
	if s.Staleness == nil {
		return targets.Usagef("--staleness: in run %s no read of a plain register followed an acknowledged write", dir.ID)
	}
	if a.JSON {
		return a.PrintJSON(s.Staleness)
	}
	text.PrintStaleness(a.Stdout, a.Style, s.Staleness)
	return nil
}

// showViolation shows the violation number n of as, which points into h; places are the indexes of its operations in the whole.
func (a *app) showViolation(h *history.History, as *verdict.Assessment, places []int, n int, format string) error {
	number := 0
	for i := range as.Verdicts {
		v := &as.Verdicts[i]
		for j := range v.Violations {
			if number++; number != n {
				continue
			}
			x := &v.Violations[j]
			switch {
			case format == formatSVG:
				b, err := picture.Document(h, x)
				if err != nil {
					return fmt.Errorf("violation %d: %w", n, err)
				}
				if _, err := a.Stdout.Write(b); err != nil {
					return fmt.Errorf("printing the picture: %w", err)
				}
			case a.JSON:
				return a.PrintJSON(violations.NewWitness(h, x).At(places))
			default:
				text.PrintViolation(a.Stdout, a.Style, h, x, j+1, v.Total)
			}
			return nil
		}
	}
	return targets.Usagef("--violation %d: the run keeps %d", n, number)
}

func (a *app) showOps(dir store.Dir, key string) (err error) {
	o, done, err := dir.Ordered()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	found, n := key == "", 0
	var printing error
	err = o.InTime(func(h *history.History) {
		for i := range h.Ops {
			n++
			if printing != nil || key != "" && !touches(h, i, key) {
				continue
			}
			found = true
			_, printing = fmt.Fprintf(a.Text, "%7d  %s\n", n-1, text.Op(h, i))
		}
	})
	if err != nil {
		return fmt.Errorf("loading run %s: %w", dir.ID, err)
	}
	if printing != nil {
		return fmt.Errorf("printing operations: %w", printing)
	}
	if !found {
		return targets.Usagef("--key %s: no operation of run %s is on that key", key, dir.ID)
	}
	return nil
}

func touches(h *history.History, i int, key string) bool {
	for _, m := range h.Mops(&h.Ops[i]) {
		if h.KeyName(m.Key) == key {
			return true
		}
	}
	return false
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print lapse's version",
		Example: `  lapse version
  lapse version --json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if a.JSON {
				return a.PrintJSON(map[string]string{"version": runs.Version()})
			}
			_, err := fmt.Fprintln(a.Text, "lapse "+runs.Version())
			return err
		},
	}
}
