package runner

import (
	"testing"

	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/suite"
	"github.com/lapse-test/lapse/targets/cluster/local"
	"github.com/lapse-test/lapse/targets/cluster/providers"
	"github.com/lapse-test/lapse/targets/registry"
)

// TestWhereASuiteRuns: a target that the suite needs comes before one that it can do without,
// an image or an address before none, and what only one run's faults need comes last.
func TestWhereASuiteRuns(t *testing.T) {
	env := runs.Environment{Providers: registry.Providers()}
	containers := providers.Containers(env.Providers)
	cell := func(provider string, optional bool) *suite.Cell {
		plan := &harness.Plan{}
		plan.Provider = provider
		return &suite.Cell{Optional: optional, Planned: &runs.Planned{Plan: plan}}
	}
	for _, c := range []struct {
		a, b *suite.Cell
		want bool
	}{
		{cell(providers.Auto, false), cell(local.Name, false), true},
		{cell(local.Name, false), cell(providers.Auto, false), false},
		{cell(containers, false), cell(providers.Auto, false), true},
		{cell(providers.Auto, false), cell(containers, false), false},
		{cell(providers.Auto, false), cell(providers.Auto, false), false},
		{cell(local.Name, false), cell(containers, true), true},
		{cell(containers, true), cell(local.Name, false), false},
	} {
		if got := leads(c.a, c.b, env); got != c.want {
			t.Errorf("%s (optional %v) before %s (optional %v): %v, want %v",
				c.a.Planned.Plan.Provider, c.a.Optional, c.b.Planned.Plan.Provider, c.b.Optional, got, c.want)
		}
	}
}
