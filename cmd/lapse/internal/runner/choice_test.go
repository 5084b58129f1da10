package runner

import (
	"testing"

	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/suite"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster/local"
	"github.com/lapse-test/lapse/targets/cluster/providers"
	"github.com/lapse-test/lapse/targets/registry"
)

// TestWhereASuiteRuns: a target that the suite needs comes before one that it can do without,
// and a provider that is named before none.
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
		{cell(providers.Auto, false), cell(local.Name, false), false},
		{cell(local.Name, false), cell(providers.Auto, false), true},
		{cell(containers, false), cell(providers.Auto, false), true},
		{cell(providers.Auto, false), cell(containers, false), false},
		{cell(providers.Auto, false), cell(providers.Auto, false), false},
		{cell(local.Name, false), cell(containers, true), true},
		{cell(containers, true), cell(local.Name, false), false},
	} {
		if got := leads(c.a, c.b); got != c.want {
			t.Errorf("%s (optional %v) before %s (optional %v): %v, want %v",
				c.a.Planned.Plan.Provider, c.a.Optional, c.b.Planned.Plan.Provider, c.b.Optional, got, c.want)
		}
	}
}

// TestSoftwareOfACell: what one case of a target needs, another one may not.
func TestSoftwareOfACell(t *testing.T) {
	cell := func(cfg targets.Config) *suite.Cell {
		return &suite.Cell{Target: "db", Planned: &runs.Planned{Config: cfg}}
	}
	plain := targets.Config{Options: map[string]string{"a": "1", "b": "2"}, ReadLevel: "ONE"}
	for name, c := range map[string]struct {
		cfg  targets.Config
		same bool
	}{
		"another level":   {targets.Config{Options: map[string]string{"b": "2", "a": "1"}, ReadLevel: "ALL"}, true},
		"a moved clock":   {targets.Config{Options: map[string]string{"a": "1", "b": "2"}, Clocks: true}, false},
		"another version": {targets.Config{Options: map[string]string{"a": "1", "b": "3"}}, false},
	} {
		if got := software(cell(plain)) == software(cell(c.cfg)); got != c.same {
			t.Errorf("%s: the same is %v, want %v", name, got, c.same)
		}
	}
}
