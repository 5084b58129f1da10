package cli

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
)

func defaultCache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return filepath.Join(os.TempDir(), "lapse-cache")
	}
	return filepath.Join(dir, "lapse")
}

// AddRunFlags adds the flags that every command that runs something has.
func (a *App) AddRunFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&a.Progress, "progress", "auto", "auto, tty, plain, json or none")
	a.Interval = 30 * time.Second
	f.Var((*spanValue)(&a.Interval), "progress-interval", "how often progress is told where it is no terminal")
	f.StringVar(&a.Metrics, "metrics", "", "serve metrics for Prometheus at /metrics on this port of the loopback interface, or on this address, such as 9464 or 0.0.0.0:9464")
	f.StringVar(&a.DataDir, "data-dir", "", "directory for the nodes' data (default: a memory file system that vanishes with the run)")
	a.AddBudgetFlags(c)
}

// AddBudgetFlags adds the flags that every command that checks has.
func (a *App) AddBudgetFlags(c *cobra.Command) {
	f := c.Flags()
	a.Budget.Time = time.Minute
	f.Var((*spanValue)(&a.Budget.Time), "check-time", "time that each check may take")
	a.Budget.Memory = 2 << 30
	f.Var((*bytesValue)(&a.Budget.Memory), "check-memory", "bytes that a check's search may hold, such as 200MB or 4GiB")
	a.Budget.MaxViolations = 10
	f.Var((*countValue)(&a.Budget.MaxViolations), "max-violations", "violations of a model that get a witness; the rest is counted")
}

// Environment is what this machine and this user give to every run.
func (a *App) Environment() (runs.Environment, error) {
	kind, err := a.ProgressKind()
	if err != nil {
		return runs.Environment{}, err
	}
	p, err := text.NewProgress(kind, a.Stderr, text.StyleFor(a.Stderr), a.Interval)
	if err != nil {
		return runs.Environment{}, targets.Usagef("%v", err)
	}
	out, err := filepath.Abs(a.Out)
	if err != nil {
		return runs.Environment{}, fmt.Errorf("finding the directory for runs: %w", err)
	}
	deliver, err := a.delivery()
	if err != nil {
		return runs.Environment{}, err
	}
	if err := a.listen(); err != nil {
		return runs.Environment{}, err
	}
	env := runs.Environment{
		Located: &runs.Located{}, Tried: &runs.Tried{},
		Deliver: deliver,
		Targets: a.Targets, Providers: a.Providers, Models: a.Models,
		Out: out, Cache: a.Cache, DataDir: a.DataDir, Budget: a.Budget, Progress: p,
		Log: slog.New(slog.NewTextHandler(a.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	if a.metrics != nil {
		env.Metrics = a.metrics
	}
	return env, nil
}

// ProgressKind is --progress with auto decided.
func (a *App) ProgressKind() (string, error) {
	switch a.Progress {
	case "auto", "":
		if f, ok := a.Stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
			return "tty", nil
		}
		return "plain", nil
	case "tty", "plain", "json", "none":
		return a.Progress, nil
	}
	return "", targets.Usagef("--progress %s: must be auto, tty, plain, json or none", a.Progress)
}

// ParseSets turns key=value pairs into a map.
func ParseSets(flag string, pairs []string) (map[string]string, error) {
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
