package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/cmd/lapse/internal/input"
	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/suite"
	"github.com/lapse-test/lapse/targets"
)

func (a *app) runsCommand() *cobra.Command {
	list := func(*cobra.Command, []string) error { return a.listRuns() }
	c := &cobra.Command{
		Use:   "runs",
		Short: "List, show and remove the stored runs",
		Long: `List the stored runs, oldest first. The subcommands remove those that are not
needed any more; nothing else removes a run.`,
		Example: `  lapse runs
  lapse runs --json`,
		Args: cobra.NoArgs,
		RunE: list,
	}
	ls := &cobra.Command{
		Use: "ls", Short: "List the stored runs, oldest first", Example: "  lapse runs ls",
		Args: cobra.NoArgs, RunE: list,
	}
	show := a.showCommand()
	show.Example = strings.ReplaceAll(show.Example, "lapse show", "lapse runs show")
	c.AddCommand(ls, show, a.runsRemoveCommand(), a.runsCollectCommand())
	return c
}

func (a *app) listRuns() error {
	dirs, err := store.List(a.Out)
	if err != nil {
		return err
	}
	list := make([]store.Summary, 0, len(dirs))
	kept := dirs[:0]
	for _, d := range dirs {
		var s store.Summary
		if err := d.ReadJSON(store.FileRun, &s); err != nil {
			fmt.Fprintln(a.Stderr, "lapse: "+err.Error())
			continue
		}
		if a.JSON {
			s.State = d.StateOf(&s)
		}
		list, kept = append(list, s), append(kept, d)
	}
	if a.JSON {
		return a.PrintJSON(list)
	}
	if len(list) == 0 {
		fmt.Fprintf(a.Stderr, "no runs below %s; make one with lapse run\n", a.Out)
	}
	a.printRuns(list, kept)
	return nil
}

// printRuns writes a line for each run, whose columns are as wide as what is in them; the name of a run says when it began.
func (a *app) printRuns(list []store.Summary, kept []store.Dir) {
	cells := func(s *store.Summary) [3]string {
		return [3]string{s.Target, fmt.Sprintf("write %s, read %s", s.WriteLevel, s.ReadLevel), s.Workload}
	}
	var widths [3]int
	for i := range list {
		for j, cell := range cells(&list[i]) {
			widths[j] = max(widths[j], utf8.RuneCountInString(cell))
		}
	}
	whole := ""
	for i := range list {
		s := &list[i]
		// Parts of one thing stand below its name.
		part, indent := "", ""
		if s.Part != nil {
			if s.Part.Of != whole {
				fmt.Fprintln(a.Text, a.Style.Bold(s.Part.Of))
			}
			whole, part, indent = s.Part.Of, "  "+s.Part.Label, "  "
		} else {
			whole = ""
		}
		line := indent + s.Run
		for j, cell := range cells(s) {
			line += fmt.Sprintf("  %-*s", widths[j], cell)
		}
		fmt.Fprintf(a.Text, "%s  %s  seed %d%s\n", line, stateOf(a, kept[i], s), s.Seed, part)
	}
}

func stateOf(a *app, d store.Dir, s *store.Summary) string {
	if state := d.StateOf(s); state == store.StateRunning || state == store.StateKilled {
		return state
	}
	if len(s.Verdicts) == 0 {
		if s.Exit != nil && s.Exit.Reason != "" {
			reason, _, _ := strings.Cut(s.Exit.Reason, "\n")
			return "no verdict: " + reason
		}
		return "no verdict"
	}
	if s.AllowsAll() {
		return a.Style.Status(s.Status) + ", allowed"
	}
	return a.Style.Status(s.Status)
}

func (a *app) runsRemoveCommand() *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use:   "rm RUN...",
		Short: "Remove stored runs",
		Long: `Remove stored runs, named as everywhere: by identifier, its ending, or "latest".
All of them are found before the first one goes. A run that says that it is still
running is refused unless --force is given.`,
		Example: `  lapse runs rm latest
  lapse runs rm 3f9a 77c1`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			var chosen []store.Dir
			for _, ref := range args {
				d, err := a.ownRun(ref)
				if err != nil {
					return err
				}
				if r := stored(d); r.Busy && !force {
					return targets.Usagef("run %s may still be going on; --force removes it all the same", d.ID)
				}
				chosen = append(chosen, d)
			}
			removed := make([]string, 0, len(chosen))
			for _, d := range chosen {
				if err := store.Remove(a.Out, d); err != nil {
					return err
				}
				removed = append(removed, d.ID)
			}
			return a.printRemoved(removed, 0, false)
		},
	}
	c.Flags().BoolVar(&force, "force", false, "also what says that it is still running")
	return c
}

// ownRun finds a run that lies directly below the directory for runs: what is
// elsewhere can be shown, but not removed.
func (a *app) ownRun(ref string) (store.Dir, error) {
	d, err := store.Open(a.Out, ref)
	if err != nil {
		return d, err
	}
	own, err := filepath.EvalSymlinks(a.Out)
	if err != nil {
		return d, fmt.Errorf("finding the directory for runs: %w", err)
	}
	if own, err = filepath.Abs(own); err != nil {
		return d, fmt.Errorf("finding the directory for runs: %w", err)
	}
	path, err := filepath.Abs(d.Path)
	if err != nil {
		return d, fmt.Errorf("finding run %s: %w", ref, err)
	}
	if filepath.Dir(path) != own {
		return d, targets.Usagef("run %s is not in %s, and only what is there is removed; name its directory with --out", path, own)
	}
	return d, nil
}

func stored(d store.Dir) store.Stored {
	r := store.Stored{Dir: d}
	var s store.Summary
	if err := d.ReadJSON(store.FileRun, &s); err == nil {
		r.Summary = &s
		r.Busy = d.Alive(&s)
	}
	return r
}

func (a *app) runsCollectCommand() *cobra.Command {
	var keep store.Keep
	var budget string
	var dry bool
	c := &cobra.Command{
		Use:   "gc",
		Short: "Remove old runs",
		Long: `Remove the runs that nothing keeps: neither --keep-last, nor --keep-failed, nor the
latest suite. Runs that are going on and those whose run.json cannot be read stay.
With --budget only as many go, oldest first, as it takes to come below it.`,
		Example: `  lapse runs gc --keep-last 20 --keep-failed --dry-run
  lapse runs gc --budget 2GiB`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if keep.Last < 0 {
				return targets.Usagef("--keep-last %d: must be 0 or more", keep.Last)
			}
			var err error
			if keep.Budget, err = cli.ParseBytes(budget); err != nil {
				return targets.Usagef("--budget: %v", err)
			}
			return a.collect(keep, dry)
		},
	}
	f := c.Flags()
	f.IntVar(&keep.Last, "keep-last", 20, "how many of the newest runs stay")
	f.BoolVar(&keep.Failed, "keep-failed", false, "keep every run that found a violation")
	f.StringVar(&budget, "budget", "", "bytes that may stay, such as 200MB, 500MiB or 1.5g (default: no matter how many)")
	f.BoolVar(&dry, "dry-run", false, "say what would go, and remove nothing")
	return c
}

func (a *app) collect(keep store.Keep, dry bool) error {
	dirs, err := store.List(a.Out)
	if err != nil {
		return err
	}
	runs := make([]store.Stored, 0, len(dirs))
	for _, d := range dirs {
		r := stored(d)
		if r.Bytes, err = d.Size(); err != nil {
			return err
		}
		runs = append(runs, r)
	}
	if keep.Runs, err = a.suiteRuns(); err != nil {
		return err
	}
	removed := []string{}
	var bytes int64
	for _, r := range keep.Prune(runs) {
		if !dry {
			if err := store.Remove(a.Out, r.Dir); err != nil {
				return err
			}
		}
		removed = append(removed, r.Dir.ID)
		bytes += r.Bytes
	}
	if !dry {
		if err := store.Sweep(a.Out); err != nil {
			return err
		}
	}
	return a.printRemoved(removed, bytes, dry)
}

// suiteRuns are the runs that the latest suite's result names: its report and its
// gate lead to them.
func (a *app) suiteRuns() ([]string, error) {
	file := filepath.Join(a.Out, suite.DirSuites, input.Latest, store.FileSuite)
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // no suite was run
	}
	if err != nil {
		return nil, fmt.Errorf("finding out which runs the latest suite needs: %w", err)
	}
	var res gate.SuiteResult
	if err := json.Unmarshal(b, &res); err != nil {
		return nil, targets.Usagef("%s says which runs the latest suite needs, and is damaged (%v); nothing was removed: take it away to do without", file, err)
	}
	var ids []string
	for i := range res.Cases {
		if id := res.Cases[i].Run; id != "" {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func (a *app) printRemoved(ids []string, bytes int64, dry bool) error {
	if a.JSON {
		return a.PrintJSON(struct {
			Removed []string `json:"removed"`
			Bytes   int64    `json:"bytes,omitempty"`
			DryRun  bool     `json:"dry_run"`
		}{ids, bytes, dry})
	}
	word := "removed"
	if dry {
		word = "would remove"
	}
	for _, id := range ids {
		if _, err := fmt.Fprintf(a.Text, "%s %s\n", word, id); err != nil {
			return fmt.Errorf("printing what went: %w", err)
		}
	}
	if len(ids) == 0 {
		fmt.Fprintln(a.Stderr, "nothing to remove")
	} else if bytes > 0 {
		fmt.Fprintf(a.Stderr, "%s, %.1f MiB\n", text.Plural(len(ids), "run"), float64(bytes)/(1<<20))
	}
	return nil
}
