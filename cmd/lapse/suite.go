package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/suite"
	"github.com/lapse-test/lapse/suites"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster/docker"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
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
	addOutputFlag(c, &sf.outputs)
}

// readSuite reads a suite file, or a shipped suite by its name.
func readSuite(ref string) ([]byte, error) {
	b, err := os.ReadFile(ref)
	if err == nil {
		return b, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, targets.Usagef("reading the suite: %v", err)
	}
	if b, err = suites.ByName(ref); err != nil {
		return nil, targets.Usagef("%v", err)
	}
	return b, nil
}

func (a *app) loadSuite(ctx context.Context, ref string, seed *uint64, env runs.Environment) (*suite.Suite, error) {
	b, err := readSuite(ref)
	if err != nil {
		return nil, err
	}
	return suite.Load(ctx, ref, b, seed, env)
}

func (a *app) runSuite(cmd *cobra.Command, ref string, sf *suiteFlags, seed *uint64) error {
	if err := checkOutputs(sf.outputs); err != nil {
		return err
	}
	env, err := a.environment()
	if err != nil {
		return err
	}
	known, err := readBaseline(sf.baseline)
	if err != nil {
		return err
	}
	var resumed *gate.SuiteResult
	if sf.resume {
		if resumed, err = a.lastOf(cmd.Context(), ref, env); err != nil {
			return err
		}
		seed = &resumed.Seed
	}
	s, err := a.loadSuite(cmd.Context(), ref, seed, env)
	if err != nil {
		return err
	}
	p, err := a.placeSuite(cmd.Context(), s, env)
	if err != nil {
		return err
	}
	if p.exited {
		return p.exit()
	}
	s.Present(cmd.Context())
	fmt.Fprintf(a.stderr, "lapse %s · suite %s · seed %d · %d runs, about %s · %s\n", runs.Version, s.File.Name, s.Seed, len(s.Runs), s.Estimate(), p.reason)
	res, err := s.Run(cmd.Context(), env, suite.Options{
		Provider: p.provider, Reason: p.reason, Resume: resumed, Known: known.Known,
		Done: func(n, of int, c *gate.CaseResult) {
			fmt.Fprintf(a.stderr, "[%d/%d] %-12s %s  %.1fs  %s\n", n, of, c.Status, c.ID, c.Seconds, c.Reason)
			if dir, err := store.Open(a.out, c.Run); c.Run != "" && err == nil {
				a.drawRun(dir)
			}
		},
	})
	if err != nil {
		return err
	}
	return a.finishSuite(res, sf.outputs)
}

// finishSuite prints and writes what a suite came to.
func (a *app) finishSuite(res *gate.SuiteResult, outputs []string) error {
	if file, err := a.saveSuiteReport(res); err != nil {
		// A picture is no part of the verdict.
		fmt.Fprintln(a.stderr, "lapse: "+err.Error())
	} else {
		fmt.Fprintln(a.stderr, "report: "+file)
	}
	if err := a.writeOutputs(res, outputs); err != nil {
		return err
	}
	if a.json {
		if err := a.printJSON(res); err != nil {
			return err
		}
	} else {
		text.PrintSuite(a.stdout, a.style, res)
	}
	return &exitError{code: res.Exit.Code}
}

// placeSuite fetches the software of all targets while there is a network, unless
// the nodes are containers and have it, and goes where nodes run.
func (a *app) placeSuite(ctx context.Context, s *suite.Suite, env runs.Environment) (*place, error) {
	var first *runs.Planned
	fetched := map[string]bool{}
	for i := range s.Runs {
		r := &s.Runs[i]
		if r.Planned == nil {
			continue
		}
		if !sandbox.Inside() && !fetched[r.Target] && r.Planned.Plan.Provider != docker.Name {
			fetched[r.Target] = true
			if err := fetch(ctx, r.Planned.Target, r.Planned.Config, env); err != nil {
				if !r.Optional {
					return nil, err
				}
				// Said again, with the reason, for each of its cases.
				fmt.Fprintf(a.stderr, "lapse: optional target %s: %v\n", r.Target, err)
			}
		}
		if first == nil && !r.Optional {
			first = r.Planned
		}
	}
	for i := range s.Runs {
		if first == nil {
			first = s.Runs[i].Planned
		}
	}
	if first == nil {
		return nil, targets.Usagef("suite %s: none of its targets is known to this lapse", s.File.Name)
	}
	return a.place(ctx, first, env)
}

const latest = "latest"

// lastOf is the last result of a suite as its text is now.
func (a *app) lastOf(ctx context.Context, ref string, env runs.Environment) (*gate.SuiteResult, error) {
	s, err := a.loadSuite(ctx, ref, nil, env)
	if err != nil {
		return nil, err
	}
	// Identifiers begin with the suite's name and then the time.
	dirs, err := filepath.Glob(filepath.Join(a.out, suite.DirSuites, s.File.Name+"-*", store.FileSuite))
	if err != nil {
		return nil, fmt.Errorf("looking for results of %s: %w", ref, err)
	}
	slices.Sort(dirs)
	for _, path := range slices.Backward(dirs) {
		res, err := a.openSuite(path)
		if err == nil && res.Digest == s.Digest {
			return res, nil
		}
	}
	if len(dirs) > 0 {
		return nil, targets.Usagef("--resume: the results of %s below %s are of another text of it; run it anew", ref, a.out)
	}
	return nil, targets.Usagef("--resume: no result of %s below %s; run it without --resume", ref, a.out)
}

// openSuite finds the result of a suite: a file, a directory, an identifier below
// the runs, or latest.
func (a *app) openSuite(ref string) (*gate.SuiteResult, error) {
	below := filepath.Join(a.out, suite.DirSuites, ref, store.FileSuite)
	for _, path := range []string{ref, filepath.Join(ref, store.FileSuite), below} {
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		var res gate.SuiteResult
		if err := json.Unmarshal(b, &res); err != nil {
			return nil, targets.Usagef("%s is no result of a suite: %v", path, err)
		}
		if res.Schema != gate.SuiteSchema {
			return nil, targets.Usagef("%s has schema %d, this lapse reads %d", path, res.Schema, gate.SuiteSchema)
		}
		return &res, nil
	}
	return nil, targets.Usagef("no result of a suite at %s or %s; run one with lapse run FILE", ref, below)
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
	env, err := a.environment()
	if err != nil {
		return err
	}
	s, err := a.loadSuite(cmd.Context(), ref, seed, env)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(s.Runs)
	}
	controls := false
	for i := range s.Runs {
		r := &s.Runs[i]
		var claims []string
		for _, c := range r.Claims {
			claims = append(claims, c.Model+" "+c.Expect)
			controls = controls || c.Expect == suite.ExpectViolated
		}
		if r.Missing != "" {
			claims = []string{"skipped: " + r.Missing}
		}
		fmt.Fprintf(a.stdout, "%-58s %6s  %s\n", r.ID, r.Estimate().Round(time.Second), strings.Join(claims, ", "))
	}
	fmt.Fprintf(a.stdout, "%d runs, about %s", len(s.Runs), s.Estimate().Round(time.Second))
	if s.Budget > 0 {
		fmt.Fprintf(a.stdout, ", budget %s", s.Budget)
	}
	fmt.Fprintln(a.stdout)
	if !controls {
		fmt.Fprintln(a.stderr, "warning: no claim expects a violation: without a negative control a pass proves little")
	}
	return nil
}

func (a *app) initCommand() *cobra.Command {
	var at []string
	c := &cobra.Command{
		Use:     "init [FILE]",
		Short:   "Write a commented suite file to start from",
		Example: "  lapse init suite.yaml\n  lapse init own.yaml --at postgres://me@db.example:5432/shop",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			path := "suite.yaml"
			if len(args) > 0 {
				path = args[0]
			}
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
			if errors.Is(err, fs.ErrExist) {
				return targets.Usagef("%s is there already; name another file", path)
			}
			if err != nil {
				return targets.Usagef("writing the suite: %v", err)
			}
			text := suite.Example
			if len(at) > 0 {
				text = suite.ExampleAt(at)
			}
			_, err = f.Write(text)
			if err := errors.Join(err, f.Close()); err != nil {
				return fmt.Errorf("writing %s: %w", path, err)
			}
			_, err = fmt.Fprintf(a.stdout, "wrote %s; next: lapse validate %s, lapse run %s\n", path, path, path)
			return err
		},
	}
	c.Flags().StringSliceVar(&at, "at", nil, "write one for a PostgreSQL that is there already: a postgres:// address of each node, without password")
	return c
}

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:       "schema [suite|result]",
		Short:     "Print the JSON schema of suite files, for editors, or of their results",
		Example:   "  lapse schema > lapse.schema.json\n  lapse schema result > lapse-result.schema.json",
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"suite", "result"},
		RunE: func(_ *cobra.Command, args []string) error {
			schema := suite.JSONSchema
			if len(args) > 0 && args[0] == "result" {
				schema = suite.ResultSchema
			}
			b, err := schema()
			if err != nil {
				return err
			}
			_, err = a.stdout.Write(b)
			return err
		},
	}
}
