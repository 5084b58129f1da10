package conformance_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/registry"
)

// inHand is what faults take of a node, or of the cluster, that no other may have meanwhile. It is written down here once more,
// and not asked of the faults, so that one that forgets its claims is found.
var inHand = map[string][]string{
	"process": {
		"kill", "kill-all", "stop-all", "rolling-restart", "pause", "clock-restart", "membership", "slow-start", "rolling-slow-start",
		"fd-limit", "memory-limit", "cpu-limit", "restart-server", "power-failure", "power-failure-all", "torn-power-failure",
		"disk-full", "disk-error", "slow-disk", "bit-flip", "misdirected-write", "switchover", "reinitialize",
	},
	"clock":                           {"clock", "clock-drift", "clock-strobe", "clock-restart"},
	"clients":                         {"pause-clients", "client-death", "token-lost"},
	"pooler":                          {"kill-pooler"},
	"list of members":                 {"membership"},
	"table of ranges":                 {"split-range", "merge-ranges", "move-range"},
	"quality of the links":            {"slow", "throttle", "loss", "loss-bursts", "duplicate", "reorder"},
	"quality of the links to clients": {"slow-clients", "loss-clients", "duplicate-clients"},
	"connections":                     {"reset"},
}

// goesWithAll are faults that exclude none before the run: links may be cut twice, and of the others it is known only at the time
// which node they are done to.
var goesWithAll = []string{
	"partition-one", "partition-halves", "partition-majority", "partition-ring", "partition-bridge", "partition-primary", "partition-centres",
	"partition-oneway", "clients", "flap", "kill-primary", "pause-primary", "lag",
}

// excluded are the configurations whose pairs of faults are tried, besides the defaults of each target.
var excluded = map[string][]targets.Config{
	"postgres":  {{Options: map[string]string{"failover": "patroni"}}, {Options: map[string]string{"pooler": "transaction"}}},
	"mysql":     {{Options: map[string]string{"topology": "galera"}}, {WriteLevel: "async", ReadLevel: "wait-for-gtid"}},
	"cassandra": {{Nodes: 4, Options: map[string]string{"dcs": "2", "rf": "2"}}},
	"redis":     {{Nodes: 6, Options: map[string]string{"topology": "cluster"}}},
	"quorumkv": {
		{Nodes: 4, Options: map[string]string{"partitioner": "range"}}, {Options: map[string]string{"mode": "raft"}},
		{Options: map[string]string{"mode": "single-leader"}}, {Options: map[string]string{"mode": "multi-leader"}}, {Nodes: 4, Options: map[string]string{"mode": "sharded"}},
	},
	"exec": {{Options: map[string]string{"program": `read -r hello; echo '` + hello + `'; cat >/dev/null`}}},
}

// hello is what a program says of itself that can do all that one can.
const hello = `{"id":1,"type":"hello","protocol":1,"database":"a test","nodes":["n1","n2","n3"],"functions":["read","write"],` +
	`"control":["start","stop","kill","pause","resume","cut","heal","probe","ready"]}`

// had are faults that a configuration is known to have: without them its pairs would be tried on nothing.
var had = map[string][]string{
	"exec": {"kill", "kill-all", "pause", "client-death", "partition-one", "flap"}, "raft": {"membership", "kill-primary"},
	"multi-leader": {"partition-centres"}, "range": {"move-range"}, "galera": {"membership"}, "patroni": {"switchover"}, "transaction": {"kill-pooler"},
}

// TestFaultsThatExcludeEachOther: a schedule of which two faults have the same in hand at a time is refused before the run, with
// what that is, whichever target has them; one after the other they are not.
func TestFaultsThatExcludeEachOther(t *testing.T) {
	tried := map[string]bool{}
	for _, target := range registry.All() {
		asks := excluded[target.Info().Name]
		if !target.Info().FindsNodes { // else its program says what it is
			asks = append([]targets.Config{{}}, asks...)
		}
		for _, asked := range asks {
			t.Run(strings.TrimSuffix(fmt.Sprint(target.Info().Name, " ", asked.Options), " map[]"), func(t *testing.T) {
				cfg := configOf(t, target, asked)
				has := pairsOf(t, cfg)
				for _, f := range has {
					tried[f] = true
				}
				for key, faults := range had {
					if key != target.Info().Name && !slices.Contains(slices.Collect(maps.Values(asked.Options)), key) {
						continue
					}
					for _, f := range faults {
						if !slices.Contains(has, f) {
							t.Errorf("%s was not tried: %v", f, has)
						}
					}
				}
			})
		}
	}
	for _, f := range nemesis.All() {
		if f.Removal == "" && f.Name != "partition" && !tried[f.Name] {
			t.Errorf("%s was tried on no target", f.Name)
		}
	}
}

// configOf is what the faults of a run of target are drawn from.
func configOf(t *testing.T, target targets.Target, asked targets.Config) nemesis.Config {
	if d, ok := target.(targets.Describer); ok {
		var err error
		if target, err = d.Describe(t.Context(), asked); err != nil {
			t.Fatal(err)
		}
	}
	asked.Nodes = max(asked.Nodes, target.Info().DefaultNodes)
	cfg, err := target.Resolve(asked)
	if err != nil {
		t.Fatal(err)
	}
	c := nemesis.Config{
		Nodes: cluster.NodeNames(cfg.Nodes), Abilities: target.Abilities(cfg), Duration: time.Minute,
		External: target.Info().FindsNodes, Operator: cfg.Operator,
	}
	if d, ok := target.(targets.Detector); ok {
		c.Detection = d.Detection(cfg)
	}
	return c
}

// pairsOf tries all pairs of faults that cfg can have, and says which it can have.
func pairsOf(t *testing.T, cfg nemesis.Config) (has []string) {
	var steps []nemesis.Step
	for _, f := range nemesis.All() {
		drawn := cfg
		drawn.Faults = []string{f.Name}
		s, err := nemesis.NewSchedule(drawn)
		if err != nil || f.Name == "partition" {
			continue // it has no such fault; or it is a mix of others
		}
		step := s.Steps[0]
		if len(step.Nodes) == 1 && len(step.Cuts) == 0 {
			step.Nodes = []string{"n1"}
		}
		steps = append(steps, step)
		has = append(has, f.Name)
	}
	const s = time.Second
	for i, a := range steps {
		for _, b := range steps[i:] {
			why := ""
			for what, faults := range inHand {
				if slices.Contains(faults, a.Fault) && slices.Contains(faults, b.Fault) {
					why += "would have the " + what + " of n\n"
				}
			}
			for _, f := range []string{a.Fault, b.Fault} {
				if known := slices.ContainsFunc(slices.Concat([][]string{goesWithAll}, lists()), func(l []string) bool { return slices.Contains(l, f) }); !known {
					t.Fatalf("say of %s what it has in hand", f)
				}
			}
			a.At, a.Hold, b.At, b.Hold = 5*s, 5*s, 8*s, 5*s
			switch err := taken(cfg, a, b); {
			case why == "" && err != nil:
				t.Errorf("%s while %s is on: %v", b.Fault, a.Fault, err)
			case why != "" && (err == nil || !slices.ContainsFunc(strings.Split(strings.TrimSpace(why), "\n"), func(says string) bool { return strings.Contains(err.Error(), says) })):
				t.Errorf("%s while %s is on: %v, want it refused for %s", b.Fault, a.Fault, err, why)
			}
			b.At = 10 * s
			if err := taken(cfg, a, b); err != nil {
				t.Errorf("%s after %s: %v", b.Fault, a.Fault, err)
			}
		}
	}
	return has
}

func lists() (out [][]string) {
	for _, faults := range inHand {
		out = append(out, faults)
	}
	return out
}

// taken is what is said of a written schedule of these steps.
func taken(cfg nemesis.Config, steps ...nemesis.Step) error {
	s := nemesis.Schedule{Version: 1, Mode: nemesis.Mixed, Nodes: cfg.Nodes, Duration: cfg.Duration, Steps: steps}
	for _, step := range steps {
		if !slices.Contains(s.Faults, step.Fault) {
			s.Faults = append(s.Faults, step.Fault)
		}
	}
	_, err := nemesis.Take(s, cfg)
	return err
}
