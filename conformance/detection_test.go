package conformance_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/registry"
)

// undetected are the targets of which nothing is detected at their defaults, and why.
var undetected = map[string]string{
	"postgres": "a primary is replaced by a failover manager alone",
	"redis":    "a replica is promoted in a cluster alone",
	"mysql":    "a primary is replaced by a failover manager alone",
	"dynamodb": "DynamoDB Local is one process",
	"mongodb":  "the stand-in is one process",
}

// TestEveryTargetSaysHowLongItsDetectionTakes: each target either says for how long its database does not find out that a node is gone, and
// then schedules have faults on both sides of that (or beyond it, where that is shorter than it takes to see a fault at all) and a verdict
// says so when none outlasted it; or it stands above with the reason why nothing is found out.
func TestEveryTargetSaysHowLongItsDetectionTakes(t *testing.T) {
	asked := maps.Clone(excluded)
	asked["postgres"] = append(slices.Clone(asked["postgres"]), targets.Config{Options: map[string]string{"failover": "on"}})
	asked["mysql"] = append(slices.Clone(asked["mysql"]), targets.Config{Options: map[string]string{"failover": "on"}})
	says := map[string]bool{}
	for _, target := range registry.All() {
		name := target.Info().Name
		asks := asked[name]
		if !target.Info().FindsNodes {
			asks = append([]targets.Config{{}}, asks...)
		}
		for i, a := range asks {
			cfg := configOf(t, target, a)
			usual := i == 0
			if cfg.Detection.After == 0 {
				if usual && undetected[name] == "" && cfg.Detection.By == "" {
					t.Errorf("%s says nothing of its failure detection: say why nothing is detected", name)
				}
				continue
			}
			says[name] = true
			if usual && undetected[name] != "" {
				t.Errorf("%s detects failures: %+v", name, cfg.Detection)
			}
			t.Run(fmt.Sprint(name, " ", slices.Sorted(maps.Values(a.Options))), func(t *testing.T) { onBothSides(t, cfg) })
		}
	}
	for _, name := range []string{"quorumkv", "postgres", "cassandra", "redis", "etcd", "mysql", "nats"} {
		if !says[name] {
			t.Errorf("%s has no configuration that says how long its detection takes", name)
		}
	}
}

// onBothSides draws schedules for cfg, and has a verdict say what of them outlasted the detection.
func onBothSides(t *testing.T, cfg nemesis.Config) {
	cfg.Faults, cfg.Duration = []string{"partition-one"}, 2*time.Minute
	after := cfg.Detection.After
	for cfg.Seed = range uint64(20) {
		s, err := nemesis.NewSchedule(cfg)
		if err != nil {
			t.Fatal(err)
		}
		below := slices.ContainsFunc(s.Steps, func(s nemesis.Step) bool { return s.Hold < after })
		beyond := slices.ContainsFunc(s.Steps, func(s nemesis.Step) bool { return s.Hold > after })
		if !beyond || !below && after > time.Second {
			t.Fatalf("seed %d: detection after %s: some below %t, some beyond %t: %+v", cfg.Seed, after, below, beyond, s.Steps)
		}
		if s.Detection == nil || s.Detection.By == "" {
			t.Fatalf("the schedule says %+v of it", s.Detection)
		}
		for _, c := range []struct {
			kept func(nemesis.Step) bool
			says string
		}{
			{func(s nemesis.Step) bool { return s.Hold < after }, "no fault was seen to outlast"},
			{func(nemesis.Step) bool { return true }, "outlasted the database's failure detection"},
		} {
			var h history.History
			for i, step := range s.Steps {
				if at := history.Time(step.At) + 1; c.kept(step) {
					h.Faults = append(h.Faults, history.Fault{ID: i + 1, Kind: "partition", Injected: at, TookEffect: at, Healing: at + history.Time(step.Hold), Healed: at + history.Time(step.Hold)})
				}
			}
			if len(h.Faults) == 0 {
				continue
			}
			meant, err := json.Marshal(history.Coverage{Detection: s.Detection, Noticed: nemesis.Noticed()})
			if err != nil {
				t.Fatal(err)
			}
			h.Events = []history.Event{{Kind: history.EventCoverage, Text: string(meant)}}
			if got := verdict.CoverageOf(&h).Says(); len(got) != 1 || !strings.Contains(got[0], c.says) || !strings.Contains(got[0], s.Detection.By) {
				t.Fatalf("seed %d: %q, want %q by %s", cfg.Seed, got, c.says, s.Detection.By)
			}
		}
	}
}
