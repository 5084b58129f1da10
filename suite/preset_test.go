package suite

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets/registry"
)

const underPresets = `apiVersion: lapse/v1
name: presets
seed: "7"
targets:
  s: {kind: quorumkv, nodes: 3}
defaults: {duration: 30s}
cases:
  - name: open
    matrix: {target: [s], levels: [W2R2], faults: [[thorough]]}
    settings: {}
    claims: [{model: regular, expect: holds}]
  - name: rate
    matrix: {target: [s], levels: [W2R2], faults: [[thorough]]}
    settings: {rate: 200}
    claims: [{model: regular, expect: holds}]
  - name: mode
    matrix: {target: [s], levels: [W2R2], faults: [[thorough]]}
    settings: {faultMode: one-at-a-time}
    claims: [{model: regular, expect: holds}]
  - name: keys
    matrix: {target: [s], levels: [W2R2], faults: [[thorough]]}
    settings: {keys: 0}
    claims: [{model: regular, expect: holds}]
  - name: weights
    matrix: {target: [s], levels: [W2R2], faults: [[thorough]]}
    settings: {weights: ""}
    claims: [{model: regular, expect: holds}]
  - name: linger
    matrix: {target: [s], levels: [W2R2], faults: [[thorough]]}
    settings: {linger: auto}
    claims: [{model: regular, expect: holds}]
`

// TestPresetsLeaveWhatASuiteSays: what a suite sets stands under a preset of faults, be it the
// default of lapse run, in a case as in the file's defaults.
func TestPresetsLeaveWhatASuiteSays(t *testing.T) {
	env := runs.Environment{Targets: registry.All(), Providers: registry.Providers(), Out: t.TempDir(), Cache: t.TempDir(), Progress: harness.Silent{}, Log: slog.New(slog.DiscardHandler)}
	type load struct {
		rate            float64
		mode            string
		keys            int
		weights, linger string
	}
	const hard = "delete=1,read=2,write=1"
	cells := func(text string) []Cell {
		s, err := Load(t.Context(), "presets.yaml", []byte(text), nil, env)
		if err != nil {
			t.Fatal(err)
		}
		return s.Cells
	}
	want := map[string]load{
		"open":    {800, "mixed", 4, hard, "on"},
		"rate":    {200, "mixed", 4, hard, "on"},
		"mode":    {800, "one-at-a-time", 4, hard, "on"},
		"keys":    {800, "mixed", 0, hard, "on"},
		"weights": {800, "mixed", 4, "", "on"},
		"linger":  {800, "mixed", 4, hard, "auto"},
	}
	check := func(name string, c *Cell, want load) {
		p := c.Planned.Plan
		if got := (load{p.Rate, p.FaultMode, p.Keys, p.Weights, p.Linger}); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	all := cells(underPresets)
	if len(all) != len(want) {
		t.Fatalf("%d cells", len(all))
	}
	for i := range all {
		c := &all[i]
		name, _, _ := strings.Cut(c.ID, "/")
		check(name, c, want[name])
	}
	byDefault := strings.Replace(underPresets, "{duration: 30s}", `{duration: 30s, rate: 200, faultMode: one-at-a-time, keys: 0, weights: "", linger: auto}`, 1)
	for _, cell := range cells(byDefault) {
		c := &cell
		check("defaults, "+c.ID, c, load{200, "one-at-a-time", 0, "", "auto"})
	}
}
