package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/cmd/lapse/internal/input"
	"github.com/lapse-test/lapse/cmd/lapse/internal/output"
	"github.com/lapse-test/lapse/cmd/lapse/internal/runner"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/suite"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/exec"
)

// suiteFlags are the flags of `lapse run` that are about suites.
type suiteFlags struct {
	resume   bool
	baseline string
	outputs  []string
}

func (sf *suiteFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&sf.resume, "resume", false, "go on with the last run of the suite, keeping the cases that were judged")
	c.Flags().StringVar(&sf.baseline, "baseline", "", "of a suite: file with the violations that are known, as lapse gate has it")
	output.AddFilesFlag(c, &sf.outputs)
}

func (a *app) runSuite(cmd *cobra.Command, ref string, sf *suiteFlags, seed *uint64) error {
	if err := output.CheckFiles(sf.outputs); err != nil {
		return err
	}
	env, err := a.Environment()
	if err != nil {
		return err
	}
	known, err := input.Baseline(a.App, sf.baseline)
	if err != nil {
		return err
	}
	var resumed *gate.SuiteResult
	if sf.resume {
		if resumed, err = input.LastResult(cmd.Context(), a.App, ref, env); err != nil {
			return err
		}
		seed = &resumed.Seed
	}
	s, err := input.Suite(cmd.Context(), a.App, ref, seed, env)
	if err != nil {
		return err
	}
	p, err := runner.ChooseForSuite(cmd.Context(), a.App, s, env)
	if err != nil {
		return err
	}
	if p.Exited {
		return p.Exit()
	}
	s.Present(cmd.Context())
	fmt.Fprintf(a.Notes(), "lapse %s · suite %s · seed %d · %s, about %s · %s\n", runs.Version(), s.File.Name, s.Seed, text.Plural(len(s.Cells), "run"), duration.Text(s.Estimate().Round(time.Second)), p.Reason)
	res, err := s.Run(cmd.Context(), env, suite.Options{
		Provider: p.Provider, Reason: p.Reason, Resume: resumed, Known: known.Known,
		Done: func(n, of int, c *gate.CaseResult) {
			fmt.Fprintln(a.Notes(), strings.TrimSpace(fmt.Sprintf("[%d/%d] %-12s %s  %s  %s", n, of, c.Status, c.ID, duration.Seconds(c.Seconds), c.Reason)))
			if dir, err := store.Open(a.Out, c.Run); c.Run != "" && err == nil {
				output.DrawRun(cmd.Context(), a.App, dir) // it is said; the suite has a report of its own
			}
		},
	})
	if err != nil {
		return err
	}
	return a.finishSuite(cmd.Context(), res, sf.outputs)
}

// finishSuite prints and writes what a suite came to.
func (a *app) finishSuite(ctx context.Context, res *gate.SuiteResult, outputs []string) error {
	if d := output.DrawSuiteReport(ctx, a.App, res); d.Err != nil {
		res.Exit = output.Undrawn(*res.Exit, d.Err)
	}
	if err := output.WriteFiles(a.App, res, outputs); err != nil {
		return err
	}
	if a.JSON {
		if err := a.PrintJSON(res); err != nil {
			return err
		}
	} else {
		text.PrintSuite(a.Stdout, a.Style, res)
	}
	return &cli.ExitError{Code: res.Exit.Code}
}

func (a *app) validateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "validate FILE|NAME",
		Short: "Check a suite file and print what it will run and how long that takes",
		Example: `  lapse validate suite.yaml
  lapse validate quorum-basics`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.validate(cmd, args[0], nil) },
	}
}

// validate checks a suite and prints its matrix with its claims.
func (a *app) validate(cmd *cobra.Command, ref string, seed *uint64) error {
	env, err := a.Environment()
	if err != nil {
		return err
	}
	s, err := input.Suite(cmd.Context(), a.App, ref, seed, env)
	if err != nil {
		return err
	}
	if a.JSON {
		return a.PrintJSON(s.Cells)
	}
	controls := false
	for i := range s.Cells {
		r := &s.Cells[i]
		var claims []string
		for _, c := range r.Claims {
			claims = append(claims, c.Model+" "+c.Expect)
			controls = controls || c.Expect == suite.ExpectViolated
		}
		if r.Missing != "" {
			claims = []string{"skipped: " + r.Missing}
		}
		fmt.Fprintf(a.Text, "%-58s %6s  %s\n", r.ID, duration.Text(r.Estimate().Round(time.Second)), strings.Join(claims, ", "))
	}
	fmt.Fprintf(a.Text, "%s, about %s", text.Plural(len(s.Cells), "run"), duration.Text(s.Estimate().Round(time.Second)))
	if s.Budget > 0 {
		fmt.Fprintf(a.Text, "; what does not fit into %s is not run", duration.Text(s.Budget))
	}
	fmt.Fprintln(a.Text)
	if !controls {
		fmt.Fprintln(a.Stderr, "warning: no claim expects a violation: without a negative control a pass proves little")
	}
	return nil
}

func (a *app) initCommand() *cobra.Command {
	var at []string
	var program, target string
	c := &cobra.Command{
		Use:     "init [FILE]",
		Short:   "Write a commented suite file to start from",
		Example: "  lapse init suite.yaml\n  lapse init own.yaml --at postgres://me@db.example:5432/shop\n  lapse init own.yaml --target redis --at db1:6379,db2:6379\n  lapse init own.yaml --program 'sh targets/exec/examples/redis.sh 6379'",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := "suite.yaml"
			if len(args) > 0 {
				path = args[0]
			}
			text := suite.Example
			var err error
			if cmd.Flags().Changed("at") && strings.Join(at, "") == "" {
				return targets.Usagef("--at: there is no address; give one, or leave it out for a suite of the project's own store")
			}
			if target == "" && len(at) > 0 {
				if target, err = a.spoken(at); err != nil {
					return err
				}
			}
			switch {
			case program != "" && len(at) > 0:
				return targets.Usagef("--at and --program: a suite is for one of them; make two")
			case program != "":
				text, err = a.exampleProgram(cmd.Context(), program)
			case len(at) > 0:
				text, at, err = a.exampleAt(cmd.Context(), target, at)
			case target != "":
				err = targets.Usagef("--target goes with --at: the addresses of the %s that is there already", target)
			}
			if err != nil {
				return err
			}
			if _, err := os.Lstat(path); err == nil {
				return targets.Usagef("%s is there already; name another file", path)
			}
			if err := cli.WriteText(path, text); err != nil {
				return err
			}
			next := fmt.Sprintf("lapse validate %s, lapse run %s", path, path)
			if len(at) > 0 {
				doctor := "lapse doctor --target " + target
				for _, a := range at {
					doctor += " --at " + shell(a)
				}
				next = doctor + ", " + next
			}
			_, err = fmt.Fprintf(a.Stdout, "wrote %s; next: %s\n", path, next)
			return err
		},
	}
	c.Flags().StringArrayVar(&at, "at", nil, "write one for a database that is there already: the address of each node, without password (repeatable, or a comma list)")
	c.Flags().StringVar(&target, "target", "", "with --at: what database it is (default: what the addresses begin with, such as postgres://)")
	c.Flags().StringVar(&program, "program", "", "write one for a database that this program speaks for (docs/targets/exec.md)")
	return c
}

// spoken is the target whose addresses these are by their scheme.
func (a *app) spoken(at []string) (string, error) {
	var names []string
	for _, t := range a.Targets {
		if _, ok := t.(targets.Externalizer); !ok {
			continue
		}
		name := t.Info().Name
		if scheme, _, ok := strings.Cut(at[0], "://"); ok && strings.HasPrefix(scheme, name) {
			return name, nil
		}
		names = append(names, name)
	}
	return "", targets.Usagef("--at: it does not say what database it is; add --target with one of: %s", strings.Join(names, ", "))
}

// takeTarget has --at say by the scheme of its first address what database it is, where --target does not.
func (a *app) takeTarget(cmd *cobra.Command, req *runs.Request) error {
	if len(req.At) == 0 || cmd.Flags().Changed("target") || !strings.Contains(req.At[0], "://") {
		return nil
	}
	name, err := a.spoken(req.At)
	if err == nil {
		req.Target = name
	}
	return err
}

// exampleAt is a suite for the database at these addresses, or at those that are found
// there, which it returns.
func (a *app) exampleAt(ctx context.Context, name string, at []string) ([]byte, []string, error) {
	t, err := targets.ByName(a.Targets, name)
	if err != nil {
		return nil, nil, err
	}
	nodes, lines, err := targets.Locate(ctx, t, at)
	if err != nil {
		return nil, nil, err
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(a.Stdout, line); err != nil {
			return nil, nil, err
		}
	}
	if t, err = targets.External(t, nodes); err != nil {
		return nil, nil, err
	}
	// What there is may be a matter of the nodes, which are asked.
	if t, err = targets.Describe(ctx, t, targets.Config{Cache: a.Cache}); err != nil {
		return nil, nil, err
	}
	text, err := suite.ExampleAt(t, nodes)
	return text, nodes, err
}

// exampleProgram is a suite for a program, which is asked what it is.
func (a *app) exampleProgram(ctx context.Context, program string) ([]byte, error) {
	options := map[string]string{exec.OptProgram: program}
	t, err := targets.Describe(ctx, exec.Target{}, targets.Config{Options: options, Cache: a.Cache})
	if err != nil {
		return nil, err
	}
	cfg, err := t.Resolve(targets.Config{Options: options})
	if err != nil {
		return nil, err
	}
	var faults []string
	nodes := t.Spec(cfg).Nodes
	for _, f := range nemesis.All() {
		if len(f.Operator) > 0 && f.MinNodes <= len(nodes) && (f.Name == f.Kind) && len(cfg.Operator.Missing(nodes, f.Operator...)) == 0 {
			faults = append(faults, f.Name)
		}
	}
	return suite.ExampleFor(t.Info(), options, faults)
}

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:       "schema [suite|result|exec]",
		Short:     "Print the JSON schema of suite files, for editors, of their results, or of what a program for target exec reads and writes",
		Example:   "  lapse schema > lapse.schema.json\n  lapse schema result > lapse-result.schema.json\n  lapse schema exec",
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"suite", "result", exec.Name},
		RunE: func(_ *cobra.Command, args []string) error {
			schema := suite.JSONSchema
			if len(args) > 0 {
				schema = map[string]func() []byte{"suite": suite.JSONSchema, "result": suite.ResultSchema, exec.Name: exec.Schema}[args[0]]
			}
			_, err := a.Stdout.Write(schema())
			return err
		},
	}
}

// shell makes a text one word of a shell.
func shell(t string) string {
	if strings.ContainsAny(t, " \t\n'\"\\$&|;<>()*?[]#~`") {
		return "'" + strings.ReplaceAll(t, "'", `'\''`) + "'"
	}
	return t
}
