package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/bank"
	"github.com/lapse-test/lapse/checkers/linearizable"
	"github.com/lapse-test/lapse/checkers/registry"
	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/cmd/lapse/internal/input"
	"github.com/lapse-test/lapse/cmd/lapse/internal/output"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/history/formats"
	"github.com/lapse-test/lapse/internal/pure"
	"github.com/lapse-test/lapse/results/picture"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/results/violations"
	"github.com/lapse-test/lapse/settings"
	"github.com/lapse-test/lapse/targets"
)

func (a *app) checkCommand() *cobra.Command {
	var o checkOptions
	c := &cobra.Command{
		Use:   "check RUN|FILE",
		Short: "Check a stored run or an imported history",
		Long: `Check a stored run (by directory, identifier, its ending, or "latest") or a
history in a file, packed with gzip or zstd or not, or - for standard input. Formats: ` + strings.Join(formats.Names(), ", ") + `; they are
recognised, or named with --format.`,
		Example: `  lapse check latest
  lapse check --model linearizable c10-bad.txt --format porcupine-kv
  lapse check history.edn --model serializable --witnesses proofs
  lapse check latest --model bounded-staleness:2:500ms --staleness
  lapse check --follow latest --model linearizable,read-your-writes`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.follow && (o.stream || o.staleness) {
				return targets.Usagef("--follow goes without --stream, which it is too, and without --staleness, which needs the history as a whole")
			}
			o.whole = cmd.Flags().Changed("stream") && !o.stream
			return a.check(cmd, args[0], o)
		},
	}
	o.read.Add(c.Flags(), "format")
	c.Flags().StringVar(&o.models, "model", "", "consistency models, comma-separated (default: those of the run, else all that apply)")
	models := c.Flags().Lookup("model")
	models.Value = settings.ListOnce(models.Value)
	c.Flags().StringVar(&o.witnesses, "witnesses", "", "directory for the proofs: sentences, JSON, a history that can be checked again, and a picture of each")
	c.Flags().BoolVar(&o.staleness, "staleness", false, "show how stale reads were, by level, and inside and outside fault windows")
	c.Flags().StringVar(&o.engine, "engine", string(linearizable.Auto), "how linearizability is decided: auto (the fast algorithm where values are unique), search, or porcupine, for a second opinion")
	c.Flags().BoolVar(&o.stream, "stream", false, "check part by part, in little memory: of lapse's own formats, and for models that are decided key by key (on by itself for such models and a file from 64 MB on)")
	c.Flags().BoolVar(&o.follow, "follow", false, "check a history while it is written, as tail -f does: violations are printed as they come, the verdict at its end or when interrupted")
	a.AddBudgetFlags(c)
	return c
}

// checkOptions are the flags of lapse check.
type checkOptions struct {
	read                      input.Options
	models, witnesses, engine string
	staleness                 bool
	// stream asks for the check part by part, whole forbids it.
	stream, whole bool
	follow        bool
}

// withEngine has linearizability decided by the engine of that name.
func withEngine(list []checkers.Checker, name string) error {
	engine, err := linearizable.ParseEngine(name)
	if err != nil {
		return targets.Usagef("--engine: %v", err)
	}
	for i, c := range list {
		if c.Model().Name == linearizable.Model {
			list[i] = linearizable.New(engine)
		}
	}
	return nil
}

func (a *app) check(cmd *cobra.Command, ref string, o checkOptions) error {
	if err := forWitnesses(o.witnesses); err != nil {
		return err
	}
	l, assessment, err := a.assessAsAsked(cmd.Context(), ref, o)
	if err != nil {
		return err
	}
	exit := assessment.Exit()
	if code := verdict.WorseExit(exit.Code, verdict.ExitInterrupted); cmd.Context().Err() != nil && code != exit.Code {
		exit = verdict.Exit{Code: code, Reason: store.StateInterrupted} // and not held: what was not looked at may be violated
	}
	if err := assessment.Err(); err != nil {
		fmt.Fprintln(a.Stderr, "lapse: "+err.Error())
	}
	if err := a.printCheck(l, &assessment, exit, o.staleness); err != nil {
		return err
	}
	if o.witnesses != "" {
		if err := a.keepWitnesses(cmd.Context(), o.witnesses, l, &assessment); err != nil {
			// What was found stands, and its exit code with it.
			fmt.Fprintln(a.Stderr, "lapse: "+err.Error())
			exit.Code = verdict.WorseExit(exit.Code, verdict.ExitEnvironment)
		}
	}
	return &cli.ExitError{Code: exit.Code}
}

// assessAsAsked checks the history ref while it grows, part by part, or as a whole.
func (a *app) assessAsAsked(ctx context.Context, ref string, o checkOptions) (*input.Loaded, verdict.Assessment, error) {
	if o.follow {
		return a.followed(ctx, ref, o)
	}
	l, as, ok, err := a.streamed(ctx, ref, o)
	if err == nil && !ok {
		return a.assess(ctx, ref, o)
	}
	return l, as, err
}

// assess reads the history ref as a whole and checks it.
func (a *app) assess(ctx context.Context, ref string, o checkOptions) (*input.Loaded, verdict.Assessment, error) {
	l, err := input.History(ctx, a.App, ref, o.read)
	if err != nil {
		return nil, verdict.Assessment{}, err
	}
	names := l.Models
	if o.models != "" {
		names = strings.Split(o.models, ",")
	}
	list, err := pure.Until(ctx, "choosing the models", func() ([]checkers.Checker, error) { return chooseCheckers(l.History, names, a.Models) })
	if err != nil {
		return nil, verdict.Assessment{}, err
	}
	if err := withEngine(list, o.engine); err != nil {
		return nil, verdict.Assessment{}, err
	}
	as := verdict.Assess(ctx, l.History, list, a.Budget, l.Require)
	as.Promises = l.Promises
	return l, as, nil
}

// printCheck prints what a check found.
func (a *app) printCheck(l *input.Loaded, as *verdict.Assessment, exit verdict.Exit, stale bool) error {
	if a.JSON {
		named := as.At(l.Places)
		return a.PrintJSON(struct {
			Exit    verdict.Exit `json:"exit"`
			Format  string       `json:"format"`
			Type    string       `json:"type,omitempty"`
			TypeWhy string       `json:"type_why,omitempty"`
			Cut     string       `json:"cut,omitempty"`
			*verdict.Assessment
			Witnesses []violations.Witness `json:"witnesses"`
		}{exit, l.Format, l.Type, l.TypeWhy, l.Cut, &named, violations.Witnesses(l.History, as, l.Places)})
	}
	switch {
	case l.Cut != "":
		fmt.Fprintln(a.Text, "  "+l.Cut)
	case l.History.Torn:
		fmt.Fprintln(a.Text, "  the run was killed: what follows is about what it had recorded, at most a second less than it did")
	}
	if l.Type != "" {
		fmt.Fprintf(a.Text, "  read as %s: %s, because %s\n", l.Format, l.Type, l.TypeWhy)
	}
	text.PrintVerdicts(a.Stdout, a.Style, as)
	output.PrintViolations(a.App, l.History, as, output.ShownViolations)
	if stale && as.Staleness != nil {
		fmt.Fprintln(a.Text)
		text.PrintStaleness(a.Stdout, a.Style, as.Staleness)
	}
	result := string(as.Status)
	if exit.Code == verdict.ExitInterrupted {
		result = exit.Reason
	}
	fmt.Fprintf(a.Text, "\nresult: %s (exit %d)\n", result, exit.Code)
	return nil
}

// forWitnesses refuses a directory in which there is something else.
func forWitnesses(path string) error {
	if path == "" {
		return nil
	}
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return targets.Usagef("--witnesses: %v", err)
	}
	for _, e := range entries {
		if e.Name() == store.FileVerdict || e.Name() == store.DirViolations {
			return nil // of an earlier check
		}
	}
	if len(entries) > 0 {
		return targets.Usagef("--witnesses %s: there is something else in it; name a new directory", path)
	}
	return nil
}

// keepWitnesses writes the proofs of a check into a directory, as a run keeps its own.
func (a *app) keepWitnesses(ctx context.Context, path string, l *input.Loaded, as *verdict.Assessment) error {
	dir := store.Dir{Path: path, ID: filepath.Base(path)}
	if err := violations.Save(ctx, dir, l.History, as, l.Places); err != nil {
		return err
	}
	// A picture that cannot be drawn is no part of the verdict.
	if err := picture.Save(dir, l.History, as); err != nil {
		fmt.Fprintln(a.Stderr, "lapse: "+err.Error())
	}
	if a.JSON {
		return nil
	}
	kept := 0
	for i := range as.Verdicts {
		kept += len(as.Verdicts[i].Violations)
	}
	if kept > 0 {
		fmt.Fprintf(a.Text, "proofs: %s and %d more files\n", dir.File(violations.File(1, store.FilePicture)), 4*kept-1)
	}
	return nil
}

// chooseCheckers finds the named checkers, among own and then in the registry, or all
// of the registry that apply to h.
func chooseCheckers(h *history.History, names []string, own []checkers.Checker) ([]checkers.Checker, error) {
	var list []checkers.Checker
	if len(names) == 0 && h.Header.Workload == bank.Model {
		names = []string{bank.Model} // its balances name no writes
	}
	if len(names) == 0 {
		plain, applies := plainOperations(h), checkers.NewApplicability(h)
		var bounded []string
		for _, e := range registry.All() {
			c := e.New()
			if _, ok := c.(checkers.Together); ok && plain {
				continue // isolation levels are about transactions
			}
			switch {
			case applies.Of(c) != nil || !concerns(c, h):
			case e.Parameterised():
				bounded = append(bounded, e.Name) // the user says which bound is promised
			default:
				list = append(list, c)
			}
		}
		if len(list) == 0 {
			return nil, noModel(h, bounded)
		}
		return list, nil
	}
	for _, n := range names {
		n = strings.TrimSpace(n)
		if i := slices.IndexFunc(own, func(c checkers.Checker) bool { return c.Model().Name == n }); i >= 0 {
			list = append(list, own[i])
			continue
		}
		c, err := registry.ByName(n)
		if err != nil {
			return nil, targets.Usagef("--model: %v", err)
		}
		list = append(list, c)
	}
	return list, nil
}

// concerns tells whether h has anything that c's model is about.
func concerns(c checkers.Checker, h *history.History) bool {
	s, selective := c.(checkers.Selective)
	return !selective || s.Concerns(h)
}

// noModel says why no model applies to h unless one of bounded does, which need a parameter.
func noModel(h *history.History, bounded []string) error {
	var fs []string
	for i := range h.Ops {
		for _, m := range h.Mops(&h.Ops[i]) {
			if f := m.Func.String(); !slices.Contains(fs, f) {
				fs = append(fs, f)
			}
		}
	}
	why := "it holds " + strings.Join(fs, ", ") + ", and no model is about all of these"
	if taken := h.Header.Attributes[formats.AttributeType]; taken != "" {
		why += "; it was taken for: " + taken + ", because " + h.Header.Attributes[formats.AttributeTypeWhy]
	}
	if len(bounded) > 0 {
		why = "name one that has a parameter with --model: " + strings.Join(bounded, ", ")
	}
	return targets.Usagef("no consistency model applies to this history: %s", why)
}

// plainOperations tells whether every operation is a transaction of one on a
// register, so that isolation levels have nothing to say that the models of plain
// operations do not say better.
func plainOperations(h *history.History) bool {
	for i := range h.Ops {
		mops := h.Mops(&h.Ops[i])
		if len(mops) != 1 || mops[0].Func == history.Append || mops[0].Func == history.ReadList {
			return false
		}
	}
	return true
}
