package nemesis

import (
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

func TestAdopt(t *testing.T) {
	written := func() Schedule {
		s := Schedule{Version: 1, Seed: 7, Mode: OneAtATime, Nodes: cluster.NodeNames(3), Duration: time.Minute, Steps: []Step{
			{At: time.Second, Hold: 3 * time.Second, Fault: "partition-one"},
			{At: 6 * time.Second, Hold: 2 * time.Second, Fault: "kill-primary"},
		}}
		isolate("n1", s.Nodes, &s.Steps[0])
		return s
	}
	cfg := Config{Nodes: cluster.NodeNames(3), Abilities: everything, Duration: 10 * time.Second}
	s, err := Adopt(written(), cfg)
	if err != nil || s.Duration != cfg.Duration || len(s.Steps) != 2 || strings.Join(s.Faults, ",") != "partition-one,kill-primary" {
		t.Errorf("%+v %v", s, err)
	}
	for _, tt := range []struct {
		name   string
		change func(*Schedule, *Config)
		want   string
	}{
		{"nodes", func(_ *Schedule, c *Config) { c.Nodes = cluster.NodeNames(2) }, "it is for nodes n1, n2, n3, but this run has n1, n2"},
		{"ability", func(_ *Schedule, c *Config) { c.Abilities = []ability.Ability{ability.Restart} }, "step 2: fault kill-primary needs a primary"},
		{"time", func(_ *Schedule, c *Config) { c.Duration = 7 * time.Second }, "step 2: it lasts until 8s, but the load only until 7s"},
		{"operator", func(_ *Schedule, c *Config) { c.External = true }, "step 1: fault partition-one needs commands of whoever runs the external cluster: give cut, heal, probe"},
		{"fault", func(s *Schedule, _ *Config) { s.Steps[0].Fault = "partition" }, "step 1: fault partition is a mix"},
	} {
		s, c := written(), cfg
		tt.change(&s, &c)
		if _, err := Adopt(s, c); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}
