package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/cmd/lapse/internal/runner"
	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/settings"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// diagnosis is one line of the doctor's.
type diagnosis struct {
	Kind  string `json:"kind"`
	Name  string `json:"name"`
	Ready bool   `json:"ready"`
	// Fetched says that what is not there yet is fetched by the first run.
	Fetched bool   `json:"fetched,omitempty"`
	Text    string `json:"text"`
}

func (a *app) doctorCommand() *cobra.Command {
	var req runs.Request
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this machine can test, and what is missing",
		Long: `Say what this machine can test, and what is missing. With --at, look at a cluster that
lapse did not start instead: whether it lets us in, which node is what, and what
runs of lapse that were killed have left there. Nothing is changed.`,
		Example: `  lapse doctor
  lapse doctor --json
  lapse doctor --target postgres --at db1:5432,db2:5432`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var found []diagnosis
			if len(req.At) > 0 {
				err := a.takeTarget(cmd, &req)
				if err != nil {
					return err
				}
				if found, err = a.examineExternal(cmd.Context(), req); err != nil {
					return err
				}
			} else {
				// What says how a cluster is reached says nothing without one.
				for _, name := range []string{"target", "set", "operator"} {
					if cmd.Flags().Changed(name) {
						return targets.Usagef("--%s goes with --at, the addresses of a cluster that is there; without both, doctor says what this machine has for every target", name)
					}
				}
				found = a.examine(cmd.Context())
			}
			if err := cmd.Context().Err(); err != nil {
				return fmt.Errorf("looking at what is there: %w", err) // what was broken off is not missing
			}
			if a.JSON {
				return a.PrintJSON(found)
			}
			for _, f := range found {
				mark := a.Style.Yellow("missing")
				switch {
				case f.Ready:
					mark = a.Style.Green("ready  ")
				case f.Fetched:
					mark = a.Style.Green("fetch  ")
				}
				fmt.Fprintf(a.Text, "%-9s %-10s %s  %s\n", f.Kind, f.Name, mark, f.Text)
			}
			return nil
		},
	}
	f := c.Flags()
	settings.AddFlags(f, &req, "target", "set", "at", "operator")
	return c
}

func (a *app) examine(ctx context.Context) []diagnosis {
	var found []diagnosis
	spec := cluster.Spec{Run: "doctor", Nodes: cluster.NodeNames(3), Ports: []int{7000}, LinkByLink: true, LogDir: os.TempDir(), Container: &cluster.Container{Image: "any"}}
	for _, p := range a.Providers {
		f := diagnosis{Kind: "provider", Name: p.Provider.Name(), Ready: true, Text: p.About}
		if err := p.Provider.Available(ctx, spec); err != nil {
			f.Ready, f.Text = false, err.Error()
		}
		found = append(found, f)
	}
	for _, c := range nemesis.Capabilities() {
		found = append(found, a.examineCapability(ctx, spec, c))
	}
	for _, t := range a.Targets {
		found = append(found, a.examineTarget(ctx, t))
	}
	return found
}

// examineCapability looks which providers have it on this machine, in a cluster of spec.
func (a *app) examineCapability(ctx context.Context, spec cluster.Spec, c cluster.Capability) diagnosis {
	f := diagnosis{Kind: "faults", Name: c.String()}
	spec.Needs = []cluster.Capability{c}
	var here []string
	var errs []error
	for _, p := range a.Providers {
		if !slices.Contains(cluster.CapabilitiesOf(p.Provider, spec), c) {
			continue
		}
		if err := p.Provider.Available(ctx, spec); err != nil {
			errs = append(errs, err)
		} else {
			here = append(here, p.Provider.Name())
		}
	}
	switch f.Ready = len(here) > 0; {
	case f.Ready:
		f.Text = c.Use() + ", with --provider " + strings.Join(here, " or ")
	case len(errs) > 0:
		f.Text = c.Use() + ": " + errors.Join(errs...).Error()
	default:
		f.Text = c.Use() + ": no provider that is known here has " + c.Meaning()
	}
	return f
}

func (a *app) examineTarget(ctx context.Context, t targets.Target) diagnosis {
	info := t.Info()
	f := diagnosis{Kind: "target", Name: info.Name}
	fetcher, ok := t.(targets.Fetcher)
	if !ok {
		f.Ready, f.Text = true, "built in"
		return f
	}
	cfg, err := t.Resolve(targets.Config{Nodes: info.DefaultNodes, Cache: a.Cache})
	if err == nil {
		f.Text, err = fetcher.Present(ctx, cfg)
	}
	if f.Ready = err == nil; f.Ready {
		return f
	}
	f.Text = err.Error()
	if f.Fetched = errors.Is(err, cluster.ErrNotFetched); f.Fetched {
		f.Text = fmt.Sprintf("will be fetched by the first run that needs it; 'lapse fetch %s' does it now", info.Name)
	}
	return f
}

func (a *app) fetchCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "fetch [TARGET...]",
		Short: "Fetch the software of targets, so that runs need no network",
		Example: `  lapse fetch
  lapse fetch postgres cassandra`,
		RunE: func(cmd *cobra.Command, args []string) error {
			list := a.Targets
			if len(args) > 0 {
				list = nil
				for _, name := range args {
					t, err := targets.ByName(a.Targets, name)
					if err != nil {
						return err
					}
					list = append(list, t)
				}
			}
			return a.fetchAll(cmd.Context(), list)
		},
	}
	a.AddRunFlags(c)
	return c
}

func (a *app) fetchAll(ctx context.Context, list []targets.Target) error {
	env, err := a.Environment()
	if err != nil {
		return err
	}
	var found []diagnosis
	for _, t := range list {
		cfg, err := t.Resolve(targets.Config{Nodes: t.Info().DefaultNodes, Cache: a.Cache})
		if err != nil {
			return err
		}
		if err := runner.Fetch(ctx, t, cfg, env); err != nil {
			return err
		}
		f := a.examineTarget(ctx, t)
		found = append(found, f)
		if !a.JSON {
			fmt.Fprintf(a.Text, "%-10s %s\n", f.Name, f.Text)
		}
	}
	if a.JSON {
		return a.PrintJSON(found)
	}
	return nil
}
