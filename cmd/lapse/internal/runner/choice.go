package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/runs/alert"
	"github.com/lapse-test/lapse/suite"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/providers"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
)

// ChooseForSuite fetches the software of all targets while there is a network, unless
// the nodes are containers and have it, and goes where nodes run: where the target that
// the suite cannot do without wants to be (see suite.Options).
func ChooseForSuite(ctx context.Context, a *cli.App, s *suite.Suite, env runs.Environment) (*Choice, error) {
	var first *suite.Cell
	fetched, failed := map[string]bool{}, map[string]bool{}
	for i := range s.Cells {
		r := &s.Cells[i]
		if r.Planned == nil {
			continue
		}
		if what := software(r); !sandbox.Inside() && !fetched[what] && !failed[r.Target] && r.Planned.Plan.Provider != providers.Containers(env.Providers) {
			fetched[what] = true
			if err := Fetch(ctx, r.Planned.Target, r.Planned.Config, env); err != nil {
				if !r.Optional {
					return nil, err
				}
				failed[r.Target] = true
				// Said again, with the reason, for each of its cases.
				fmt.Fprintf(a.Stderr, "lapse: optional target %s: %v\n", r.Target, err)
			}
		}
		if first == nil || leads(r, first) {
			first = r
		}
	}
	if first == nil {
		return nil, targets.Usagef("suite %s: none of its targets is known to this lapse", s.File.Name)
	}
	return Choose(ctx, a, first.Planned, env)
}

// software is the same text for cells that need the same: the options can say a version or a
// topology with programs of its own, and a moved clock needs a library.
func software(r *suite.Cell) string {
	return fmt.Sprint(r.Target, r.Planned.Config.Options, r.Planned.Config.Clocks)
}

// leads tells whether a says where a suite's nodes are made, rather than b.
func leads(a, b *suite.Cell) bool {
	if a.Optional != b.Optional {
		return b.Optional
	}
	rank := func(c *suite.Cell) int {
		if c.Planned.Plan.Provider == providers.Auto {
			return 1
		}
		return 0
	}
	return rank(a) < rank(b)
}

// Choice is where nodes run. If the command ran in a sandbox already, to its
// end, Exited is set.
type Choice struct {
	Provider cluster.Provider
	// Reason says why it was chosen.
	Reason string
	Exited bool
	Code   int
}

// Exit ends the command with what it ended with in the sandbox.
func (p *Choice) Exit() error { return &cli.ExitError{Code: p.Code} }

// Choose chooses the provider, fetches the software or the image while there is a
// network, and enters the sandbox if that is what was chosen. If the choice was left
// to it and the software cannot be had, nodes run where it need not.
func Choose(ctx context.Context, a *cli.App, planned *runs.Planned, env runs.Environment) (*Choice, error) {
	spec := planned.Probe()
	provider, reason, err := providers.Choose(ctx, env.Providers, planned.Plan.Provider, spec)
	if err != nil {
		return nil, err
	}
	if sandbox.Inside() {
		a.ServeMetrics(ctx)
		return &Choice{Provider: provider, Reason: reason}, nil
	}
	lacking := furnish(ctx, provider, spec, planned, env)
	var usage *targets.UsageError
	if lacking != nil && planned.Plan.Provider == providers.Auto && ctx.Err() == nil && !errors.As(lacking, &usage) {
		if provider, reason, err = providers.Instead(ctx, env.Providers, provider, lacking, spec); err != nil {
			return nil, err
		}
		lacking = furnish(ctx, provider, spec, planned, env)
	}
	if lacking != nil {
		return nil, lacking
	}
	p := &Choice{Provider: provider, Reason: reason}
	if _, brings := provider.(cluster.Preparer); brings {
		p.Reason += ", image " + spec.Container.Image
	}
	if len(planned.Plan.At) > 0 {
		p.Reason += " (" + strings.Join(spec.At, ", ") + ")"
	}
	if provider.Name() != sandbox.Name {
		a.ServeMetrics(ctx)
		return p, nil
	}
	return enter(ctx, a, p, env)
}

// furnish makes what runs on the nodes be there: the provider's nodes have it, or
// the target's software is fetched.
func furnish(ctx context.Context, p cluster.Provider, spec cluster.Spec, planned *runs.Planned, env runs.Environment) error {
	if prepares, ok := p.(cluster.Preparer); ok {
		return prepares.Prepare(ctx, spec, env.Progress.Note)
	}
	return Fetch(ctx, planned.Target, planned.Config, env)
}

// Fetch makes a target's software be there.
func Fetch(ctx context.Context, t targets.Target, cfg targets.Config, env runs.Environment) error {
	f, ok := t.(targets.Fetcher)
	if !ok {
		return nil
	}
	cfg.Progress, cfg.Log = env.Progress.Note, env.Log
	if err := f.Fetch(ctx, cfg); err != nil {
		doing := "fetching"
		if len(t.Spec(cfg).At) > 0 {
			doing = "looking at the external"
		}
		return targets.Unavailable(doing+" "+t.Info().Name, err)
	}
	return nil
}

// enter runs this command line again in the sandbox.
func enter(ctx context.Context, a *cli.App, p *Choice, env runs.Environment) (*Choice, error) {
	visible := []string{env.Out, env.Cache}
	if env.DataDir != "" {
		visible = append(visible, env.DataDir)
	}
	for _, dir := range visible {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return nil, &cluster.EnvironmentError{Doing: "making a directory that the sandbox needs", Err: err, Way: "name another one with --out, --cache or --data-dir"}
		}
	}
	serving, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	conn, theirs, err := alert.Pair()
	if err != nil {
		return nil, err
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		alert.Serve(serving, conn, alert.Direct)
	}()
	files := []*os.File{cli.FileAlerts: theirs}
	port, err := a.MetricsFile()
	if err != nil {
		return nil, err
	}
	if port != nil {
		files = append(files, port) // cli.FileMetrics
	}
	inside, code, err := sandbox.Enter(ctx, sandbox.Options{Visible: visible, Files: files})
	cancel()
	for _, f := range files {
		_ = f.Close()
	}
	_ = conn.Close()
	<-served
	if err != nil {
		return nil, err
	}
	p.Exited, p.Code = !inside, code
	return p, nil
}
