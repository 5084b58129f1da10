package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/quorumkv/server"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// app is what all commands share: where to write, and the flags of the root.
type app struct {
	stdout, stderr io.Writer
	style          text.Style
	json           bool
	out            string
	cache          string
	dataDir        string
	progress       string
	interval       time.Duration
	budget         checkers.Budget
}

// exitError ends the command with a code and, if text is not empty, a line.
type exitError struct {
	code int
	text string
}

func (e *exitError) Error() string { return e.text }

// execute runs one command line and returns the exit code.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	a := &app{stdout: stdout, stderr: stderr, style: text.StyleFor(stdout)}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	return a.exitCode(err)
}

func (a *app) exitCode(err error) int {
	if err == nil {
		return verdict.ExitHeld
	}
	var exit *exitError
	if errors.As(err, &exit) {
		if exit.text != "" {
			fmt.Fprintln(a.stderr, "lapse: "+exit.text)
		}
		return exit.code
	}
	code := classify(err)
	if code == verdict.ExitBug {
		fmt.Fprintf(a.stderr, "lapse: %v\nThis is a bug in lapse, not a verdict.\n", err)
		return code
	}
	fmt.Fprintf(a.stderr, "lapse: %v\n", err)
	return code
}

// classify says which exit code an error stands for.
func classify(err error) int {
	var usage *targets.UsageError
	var missing *store.NotFoundError
	var ambiguous *store.AmbiguousError
	var env *cluster.EnvironmentError
	switch {
	case errors.As(err, &usage), errors.As(err, &missing), errors.As(err, &ambiguous), errors.Is(err, os.ErrNotExist):
		return verdict.ExitUsage
	case errors.As(err, &env):
		return verdict.ExitEnvironment
	case errors.Is(err, context.Canceled):
		return verdict.ExitInterrupted
	}
	return verdict.ExitEnvironment
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "lapse",
		Short: "Find the moments when a database forgets",
		Long: `lapse drives a real database at a chosen consistency level, breaks its network,
processes and clocks, records what every client saw, and says which promises
were broken, with the few operations that prove it.

Exit codes: 0 held, 1 violated, 2 inconclusive, 3 environment, 64 usage,
70 bug in lapse, 130 interrupted. A found violation outranks all but 70.`,
		Version:       runs.Version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return targets.Usagef("%v; see --help", err)
	})
	f := root.PersistentFlags()
	f.BoolVar(&a.json, "json", false, "print one JSON document on stdout")
	f.StringVar(&a.out, "out", store.DefaultOut, "directory in which runs are kept")
	f.StringVar(&a.cache, "cache", defaultCache(), "directory in which fetched software is kept")
	// Help and man pages are the same for every user.
	f.Lookup("cache").DefValue = "lapse in the user's cache directory"
	root.AddCommand(
		a.runCommand(), a.replayCommand(), a.checkCommand(), a.showCommand(), a.runsCommand(),
		a.doctorCommand(), a.cleanCommand(), a.fetchCommand(), a.selftestCommand(), a.versionCommand(), a.reportCommand(), a.serveCommand(), a.diffCommand(),
		a.listCommand(), a.manCommand(), a.quorumCommand(), a.validateCommand(), a.initCommand(), a.schemaCommand(), a.gateCommand(),
		a.convertCommand(), a.shrinkCommand(),
		server.Command(),
	)
	wrapArgs(root)
	a.complete(root)
	return root
}

// wrapArgs makes errors about positional arguments usage errors, as those about
// flags are.
func wrapArgs(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return targets.Usagef("%v; see %s --help", err, cmd.CommandPath())
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		wrapArgs(sub)
	}
}

func defaultCache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return filepath.Join(os.TempDir(), "lapse-cache")
	}
	return filepath.Join(dir, "lapse")
}

// addRunFlags adds the flags that every command that runs something has.
func (a *app) addRunFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&a.progress, "progress", "auto", "auto, tty, plain, json or none")
	f.DurationVar(&a.interval, "progress-interval", 30*time.Second, "how often progress is told where it is no terminal")
	f.StringVar(&a.dataDir, "data-dir", "", "directory for the nodes' data (default: a memory file system that vanishes with the run)")
	a.addBudgetFlags(c)
}

func (a *app) addBudgetFlags(c *cobra.Command) {
	f := c.Flags()
	f.DurationVar(&a.budget.Time, "check-time", time.Minute, "time that each check may take")
	f.Int64Var(&a.budget.Memory, "check-memory", 2<<30, "bytes that a check's search may hold")
	f.IntVar(&a.budget.MaxViolations, "max-violations", 10, "violations of a model that get a witness; the rest is counted")
}

func (a *app) environment() (runs.Environment, error) {
	kind, err := a.progressKind()
	if err != nil {
		return runs.Environment{}, err
	}
	p, err := text.NewProgress(kind, a.stderr, text.StyleFor(a.stderr), a.interval)
	if err != nil {
		return runs.Environment{}, targets.Usagef("%v", err)
	}
	out, err := filepath.Abs(a.out)
	if err != nil {
		return runs.Environment{}, fmt.Errorf("finding the directory for runs: %w", err)
	}
	return runs.Environment{
		Out: out, Cache: a.cache, DataDir: a.dataDir, Budget: a.budget, Progress: p,
		Log: slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}, nil
}

// progressKind is --progress with auto decided.
func (a *app) progressKind() (string, error) {
	switch a.progress {
	case "auto", "":
		if f, ok := a.stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
			return "tty", nil
		}
		return "plain", nil
	case "tty", "plain", "json", "none":
		return a.progress, nil
	}
	return "", targets.Usagef("--progress %s: must be auto, tty, plain, json or none", a.progress)
}

// printJSON prints the one document that --json promises.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.stdout)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("printing JSON: %w", err)
	}
	return nil
}

// parseSets turns key=value pairs into a map.
func parseSets(flag string, pairs []string) (map[string]string, error) {
	if len(pairs) == 0 {
		return nil, nil
	}
	out := map[string]string{}
	for _, p := range pairs {
		k, v, ok := strings.Cut(p, "=")
		if !ok || k == "" {
			return nil, targets.Usagef("--%s %q: must be name=value", flag, p)
		}
		out[k] = v
	}
	return out, nil
}
