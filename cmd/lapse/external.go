package main

import (
	"context"
	"os"
	"strings"

	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster/external"
)

// examineExternal looks at an external cluster.
func (a *app) examineExternal(ctx context.Context, req runs.Request) ([]diagnosis, error) {
	planned, err := runs.Plan(ctx, req, runs.Environment{Cache: a.Cache, Targets: a.Targets, Providers: a.Providers})
	if err != nil {
		return nil, err
	}
	t := planned.Target
	spec := t.Spec(planned.Config)
	spec.Run, spec.LogDir = "doctor", os.TempDir()
	if err := (external.Provider{}).Available(ctx, spec); err != nil {
		return nil, err
	}
	f := diagnosis{Kind: "target", Name: t.Info().Name, Ready: true, Text: strings.Join(spec.At, ", ")}
	if looker, ok := t.(targets.Fetcher); ok {
		if f.Text, err = looker.Present(ctx, planned.Config); err != nil {
			return nil, targets.Unavailable("looking at the external "+f.Name, err)
		}
	}
	return []diagnosis{f}, nil
}
