package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/registry"
	"github.com/lapse-test/lapse/checkers/witness"
	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/cmd/lapse/internal/input"
	"github.com/lapse-test/lapse/cmd/lapse/internal/output"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/history/formats"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/internal/pure"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/results/violations"
	"github.com/lapse-test/lapse/targets"
)

// shrinkFlags say what is shrunk, and where it goes.
type shrinkFlags struct {
	model, output, to string
	read              input.Options
	violation         int
}

func (a *app) shrinkCommand() *cobra.Command {
	f := &shrinkFlags{}
	c := &cobra.Command{
		Use:   "shrink RUN|FILE",
		Short: "Make a failing history small: the fewest operations that still break a model",
		Long: `Make a failing history small. What is left still violates the model with the same
anomaly, and no operation of it can go (with those that saw what it did). It is the
same every time unless the time runs out; then what was reached by then is left.

For a run, --violation takes the model of a violation and, without -o, writes to its
folder. Exit codes: 0 made small, 2 not decided, 64 the history does not
violate the model, 130 interrupted (with what was reached).`,
		Example: `  lapse shrink latest -v 1
  lapse shrink latest --model linearizable -o small.jsonl
  lapse shrink history.edn --model serializable -o small.edn --check-time 10s`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.shrink(cmd.Context(), args[0], f) },
	}
	fl := c.Flags()
	fl.StringVar(&f.model, "model", "", "the consistency model that it violates (default for a run: that of the violation)")
	fl.IntVarP(&f.violation, "violation", "v", 0, "for a run: the number of the violation whose model it is (default: the first)")
	fl.StringVarP(&f.output, "output", "o", "", "file for what is left, - for standard output; its ending names the format")
	fl.StringVar(&f.to, "to", "", "format of that file (default: by its ending)")
	f.read.Add(fl, "format")
	fl.StringVar(&a.Progress, "progress", "auto", "auto, tty, plain, json or none")
	a.AddBudgetFlags(c)
	return c
}

// shrunk is what --json prints.
type shrunk struct {
	Model   string `json:"model"`
	Anomaly string `json:"anomaly"`
	witness.Stats
	// Kept are the operations that are left, as indexes into the whole history.
	Kept    []int              `json:"kept"`
	Output  string             `json:"output,omitempty"`
	LeftOut []string           `json:"left_out,omitempty"`
	Witness violations.Witness `json:"witness"`
}

func (a *app) shrink(ctx context.Context, ref string, f *shrinkFlags) error {
	if f.output == output.Stdout && a.JSON {
		return targets.Usagef("--json and -o - both want standard output: name a file")
	}
	l, err := input.History(ctx, a.App, ref, f.read)
	if err != nil {
		return err
	}
	if err := f.complete(l); err != nil {
		return err
	}
	to := ""
	if f.output != "" {
		if to, err = output.FormatOf(f.output, f.to); err != nil {
			return err
		}
		_, err := pure.Until(ctx, "reading "+formats.Called(ref), func() ([]string, error) { return formats.Lost(to, l.History) })
		if errors.As(err, new(*pure.InterruptedError)) {
			return err
		}
		if err != nil {
			return targets.Usagef("--to: %v", err)
		}
	}
	c, err := registry.ByName(f.model)
	if err != nil {
		return targets.Usagef("--model: %v", err)
	}
	_, err = pure.Until(ctx, "reading "+formats.Called(ref), func() (struct{}, error) { return struct{}{}, c.Applies(l.History) })
	if errors.As(err, new(*pure.InterruptedError)) {
		return err
	}
	if err != nil {
		return targets.Usagef("--model %s: %v", f.model, err)
	}
	told, err := a.shrinkProgress(len(l.History.Ops))
	if err != nil {
		return err
	}
	began := time.Now()
	part, ops, stats, err := witness.Shrink(ctx, l.History, c, a.Budget, told)
	switch {
	case errors.Is(err, witness.ErrHolds):
		return targets.Usagef("nothing to shrink: the history does not violate %s", f.model)
	case ctx.Err() != nil && err != nil:
		return &cli.ExitError{Code: verdict.ExitInterrupted, Text: "interrupted before anything was made small"}
	case err != nil && time.Since(began) >= a.Budget.WithDefaults().Time:
		return &cli.ExitError{Code: verdict.ExitInconclusive, Text: err.Error() + "; give it more time with --check-time"}
	case err != nil:
		return &cli.ExitError{Code: verdict.ExitInconclusive, Text: err.Error()}
	}
	return a.shrunk(ctx, part, c, f, to, shrunk{Model: f.model, Stats: stats, Kept: ops})
}

// complete fills in the model and the output that a violation of a run stands for.
func (f *shrinkFlags) complete(l *input.Loaded) error {
	if f.violation < 0 || f.violation > 0 && l.Dir == nil {
		return targets.Usagef("--violation %d: must be the number of a violation of a run", f.violation)
	}
	if l.Dir == nil || f.violation == 0 && f.model != "" {
		if f.model == "" {
			return targets.Usagef("name the model that it violates with --model")
		}
		return nil
	}
	number := 0
	for i := range l.Summary.Verdicts {
		v := &l.Summary.Verdicts[i]
		for range v.Violations {
			if number++; number != max(f.violation, 1) {
				continue
			}
			if f.model != "" && f.model != v.Model {
				return targets.Usagef("--violation %d is one of %s, not of %s", number, v.Model, f.model)
			}
			f.model = v.Model
			if f.output == "" {
				f.output = l.Dir.File(violations.File(number, store.FileMinimal))
			}
			return nil
		}
	}
	return targets.Usagef("--violation %d: run %s keeps %d", max(f.violation, 1), l.Dir.ID, number)
}

// shrinkProgress tells how far it is, at most every second on a terminal and every
// ten seconds elsewhere.
func (a *app) shrinkProgress(from int) (func(witness.Stats), error) {
	kind, err := a.ProgressKind()
	if err != nil {
		return nil, err
	}
	every := 10 * time.Second
	switch kind {
	case "none":
		return nil, nil
	case "tty":
		every = time.Second
	}
	last := time.Now()
	return func(s witness.Stats) {
		if time.Since(last) < every {
			return
		}
		last = time.Now()
		if kind == "json" {
			fmt.Fprintf(a.Stderr, `{"phase":"shrink","from":%d,"left":%d,"candidates":%d}`+"\n", from, s.To, s.Candidates)
			return
		}
		fmt.Fprintf(a.Stderr, "shrinking: %s of %s operations left, %s candidates checked\n", text.Count(s.To), text.Count(from), text.Count(s.Candidates))
	}, nil
}

// shrunk checks what is left once more, keeps it and tells of it.
func (a *app) shrunk(ctx context.Context, part *history.History, c checkers.Checker, f *shrinkFlags, to string, doc shrunk) error {
	v, err := c.Check(context.WithoutCancel(ctx), part, a.Budget)
	if err != nil || len(v.Violations) == 0 {
		return &cli.ExitError{Code: verdict.ExitBug, Text: fmt.Sprintf("the %d operations left do not violate %s when checked by themselves: %v", len(part.Ops), f.model, err)}
	}
	x := &v.Violations[0]
	doc.Anomaly, doc.Output, doc.Witness = x.Anomaly, f.output, violations.NewWitness(part, x)
	if f.output != "" {
		if doc.LeftOut, err = formats.Lost(to, part); err != nil {
			return targets.Usagef("--to: %v", err)
		}
		if err := output.WriteHistory(context.WithoutCancel(ctx), a.App, f.output, to, part); err != nil {
			return err
		}
	}
	if err := a.tellShrunk(part, x, v.Total, &doc, to); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return &cli.ExitError{Code: verdict.ExitInterrupted}
	}
	return nil
}

func (a *app) tellShrunk(part *history.History, x *checkers.Violation, total int, doc *shrunk, to string) error {
	if a.JSON {
		return a.PrintJSON(doc)
	}
	out := a.Stdout
	if doc.Output == output.Stdout {
		out = a.Stderr
	}
	fmt.Fprintf(out, "%s ops -> %s ops, %s, %s; still refutes %s: %s (checked %s, %s)\n",
		text.Count(doc.From), text.Count(doc.To), text.Plural(doc.Sessions, "session"), text.Plural(doc.Keys, "key"), doc.Model, doc.Anomaly, text.Plural(doc.Candidates, "candidate"), duration.Text(doc.Elapsed))
	if doc.Weakened > 0 {
		fmt.Fprintf(out, "compare-and-sets that stand as plain writes, because what they compared with is not needed: %d\n", doc.Weakened)
	}
	if !doc.Minimal {
		fmt.Fprintln(out, "the time ran out before every operation was tried: it may be smaller still, see --check-time")
	}
	for _, line := range doc.LeftOut {
		fmt.Fprintf(a.Stderr, "%s does not hold: %s\n", to, line)
	}
	text.PrintViolation(out, a.Style, part, x, 1, total)
	if doc.Output != "" && doc.Output != output.Stdout {
		fmt.Fprintln(out, doc.Output)
	}
	return nil
}
