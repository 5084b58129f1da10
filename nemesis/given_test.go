package nemesis

import (
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

func TestTake(t *testing.T) {
	written := func() Schedule {
		s := Schedule{Version: 1, Seed: 7, Mode: OneAtATime, Nodes: cluster.NodeNames(3), Duration: 10 * time.Second,
			Faults: []string{"partition", "kill-primary"}, Steps: []Step{
				{At: time.Second, Hold: 3 * time.Second, Fault: "partition-one"},
				{At: 6 * time.Second, Hold: 2 * time.Second, Fault: "kill-primary"},
			}}
		isolate("n1", s.Nodes, &s.Steps[0])
		return s
	}
	cfg := Config{Nodes: cluster.NodeNames(3), Abilities: everything, Duration: 10 * time.Second}
	if s, err := Take(written(), cfg); err != nil || len(s.Steps) != 2 {
		t.Errorf("%+v %v", s, err)
	}
	for _, tt := range []struct {
		name   string
		change func(*Schedule, *Config)
		want   string
	}{
		{"nodes", func(_ *Schedule, c *Config) { c.Nodes = cluster.NodeNames(2) }, "n1, n2, n3, and there are n1, n2"},
		{"duration", func(_ *Schedule, c *Config) { c.Duration = time.Minute }, "a load of 10s, and this one lasts 1m0s"},
		{"end", func(s *Schedule, _ *Config) { s.Steps[1].Hold = 5 * time.Second }, "step 2: it ends after the load"},
		{"ability", func(_ *Schedule, c *Config) { c.Abilities = []ability.Ability{ability.Restart} }, "step 2: fault kill-primary needs a primary"},
		{"operator", func(_ *Schedule, c *Config) { c.External = true }, "step 1: fault partition-one needs commands of whoever runs the external cluster: give cut, heal, probe"},
		{"fault of another list", func(s *Schedule, _ *Config) { s.Faults = []string{"kill-primary"} }, "step 1: partition-one is not among the faults"},
		{"mix", func(s *Schedule, _ *Config) { s.Steps[0].Fault = "partition" }, "step 1: fault partition is a mix"},
	} {
		s, c := written(), cfg
		tt.change(&s, &c)
		if _, err := Take(s, c); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}
