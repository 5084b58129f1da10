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

// TestStepsThatAreStillOn: a step is compared with each that is on when it begins, and not with the last one alone, nor with one that is over.
func TestStepsThatAreStillOn(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		name  string
		first time.Duration // how long the kill of n1 lasts
		want  string
	}{
		{"the first is on", 10 * s, "step 3: pause begins while step 1 (kill) is on, and both would have the process of n1 in hand: let one end before the other begins, or take the later one out"},
		{"the first is over", 4 * s, ""},
	} {
		schedule := Schedule{Version: 1, Seed: 7, Mode: Mixed, Nodes: cluster.NodeNames(3), Duration: 20 * s, Faults: []string{"kill", "clock", "pause"}, Steps: []Step{
			{At: s, Hold: c.first, Fault: "kill", Nodes: []string{"n1"}},
			{At: 2 * s, Hold: 6 * s, Fault: "clock", Nodes: []string{"n2"}, Offset: s},
			{At: 6 * s, Hold: 2 * s, Fault: "pause", Nodes: []string{"n1"}},
		}}
		_, err := Take(schedule, Config{Nodes: cluster.NodeNames(3), Abilities: everything, Duration: 20 * s})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// TestLagOfOneOfThem: a step that names several replicas holds one of them back, and which is known only at the time: it excludes none before the run. One that
// names a single replica does.
func TestLagOfOneOfThem(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		nodes []string
		taken bool
	}{{[]string{"n2", "n3"}, true}, {[]string{"n3"}, false}, {[]string{"n2"}, true}} {
		schedule := Schedule{Version: 1, Seed: 7, Mode: Mixed, Nodes: cluster.NodeNames(3), Duration: 20 * s, Faults: []string{"lag"}, Steps: []Step{
			{At: s, Hold: 10 * s, Fault: "lag", Nodes: c.nodes},
			{At: 2 * s, Hold: 6 * s, Fault: "lag", Nodes: []string{"n3"}},
		}}
		if _, err := Take(schedule, Config{Nodes: cluster.NodeNames(3), Abilities: everything, Duration: 20 * s}); (err == nil) != c.taken {
			t.Errorf("lag of n3 while one of %v is held back: %v", c.nodes, err)
		}
	}
}
