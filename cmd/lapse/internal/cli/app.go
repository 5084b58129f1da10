// Package cli is what all commands of lapse share: the streams, the common flags, and
// what exit code an error stands for.
package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/spf13/pflag"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/runs/alert"
	"github.com/lapse-test/lapse/runs/monitor/metrics"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster/providers"
)

// App is what all commands share: where to write, and the flags of the root and of
// everything that runs or checks. Commands read it after the flags were parsed; it
// is not safe for concurrent use before that.
type App struct {
	Stdout, Stderr io.Writer
	// Text is Stdout with lines as wide as the terminal, for what people read.
	Text io.Writer
	// Targets and Providers are the databases and places that this build knows.
	Targets   []targets.Target
	Providers []providers.Entry
	// Models are the caller's own, found before those of checkers/registry.
	Models []checkers.Checker
	Style  text.Style
	// JSON asks for one document on stdout.
	JSON bool
	// Out is the directory in which runs are kept, Cache that of fetched software
	// and DataDir that of the nodes' data.
	Out, Cache, DataDir string
	// Progress is --progress as it was given, Interval how often it is told.
	Progress string
	Interval time.Duration
	// Budget is what a check may take.
	Budget checkers.Budget

	// Metrics is --metrics as it was given.
	Metrics string

	deliver  alert.Deliver // see delivery
	metrics  *metrics.Metrics
	listener net.Listener // of metrics
	serving  bool
}

// New is an App that writes to the given streams and knows the given databases and
// places.
func New(stdout, stderr io.Writer, known []targets.Target, places []providers.Entry) *App {
	style := text.StyleFor(stdout)
	return &App{Stdout: stdout, Stderr: stderr, Text: style.Fit(stdout), Style: style, Targets: known, Providers: places}
}

// Notes is where whole lines about what goes on are written: Stderr, with lines that fit its
// terminal. Commands to be copied are not for it.
func (a *App) Notes() io.Writer { return text.StyleFor(a.Stderr).Fit(a.Stderr) }

// AddRootFlags adds the flags that every command has.
func (a *App) AddRootFlags(f *pflag.FlagSet) {
	f.BoolVar(&a.JSON, "json", false, "print one JSON document on stdout")
	f.StringVar(&a.Out, "out", store.DefaultOut, "directory in which runs are kept")
	f.StringVar(&a.Cache, "cache", defaultCache(), "directory in which fetched software is kept")
	// Help and man pages are the same for every user.
	f.Lookup("cache").DefValue = "lapse in the user's cache directory"
}

// PrintJSON prints the one document that --json promises.
func (a *App) PrintJSON(v any) error {
	enc := json.NewEncoder(a.Stdout)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("printing JSON: %w", err)
	}
	return nil
}
