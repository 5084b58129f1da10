package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster/external"
)

// addAtFlags adds the flags that name a cluster that somebody else runs.
func addAtFlags(f *pflag.FlagSet, at *[]string, operator *string) {
	f.StringArrayVar(at, "at", nil, "test a cluster that is there already: host:port of each node, a postgres:// address or connection string, or a DynamoDB endpoint (repeatable, or a comma list); no passwords, those come from the environment (docs/providers.md)")
	f.StringVar(operator, "operator", "", "YAML file with the commands that cut, heal, kill, start, pause and resume the nodes of --at")
}

// examineExternal looks at a cluster that somebody else runs.
func (a *app) examineExternal(ctx context.Context, req runs.Request) ([]finding, error) {
	planned, err := runs.Plan(ctx, req, runs.Environment{Cache: a.cache})
	if err != nil {
		return nil, err
	}
	t := planned.Target
	spec := t.Spec(planned.Config)
	spec.Run, spec.LogDir = "doctor", os.TempDir()
	if err := (external.Provider{}).Available(ctx, spec); err != nil {
		return nil, err
	}
	f := finding{Kind: "target", Name: t.Info().Name, Ready: true, Text: strings.Join(spec.At, ", ")}
	if looker, ok := t.(targets.Fetcher); ok {
		if f.Text, err = looker.Present(ctx, planned.Config); err != nil {
			return nil, fmt.Errorf("looking at the external %s: %w", f.Name, err)
		}
	}
	return []finding{f}, nil
}
