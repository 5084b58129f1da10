package runs

import (
	"log/slog"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/dynamodb"
	"github.com/lapse-test/lapse/targets/etcd"
	"github.com/lapse-test/lapse/targets/registry"
)

// silent is a target that does not know how long its database's failure detection takes.
type silent struct{ targets.Target }

func (silent) Resolve(cfg targets.Config) (targets.Config, error) { return cfg, nil }

func (silent) Detection(targets.Config) history.Detection {
	return history.Detection{By: "nobody says"}
}

// TestDetectionOf: pairs that differ in whose the servers are, and in whether the user says how long their detection takes.
func TestDetectionOf(t *testing.T) {
	const given = 10 * time.Second
	for name, c := range map[string]struct {
		target   targets.Target
		external bool
		given    time.Duration
		want     history.Detection
	}{
		"one process":                  {target: dynamodb.Target{}},
		"servers of lapse's own":       {target: etcd.Target{}, want: history.Detection{After: 2 * time.Second, By: "an election after up to two election timeouts of 1 s", Deposes: true}},
		"the same, and given":          {target: etcd.Target{}, given: given, want: history.Detection{After: given, By: "as was given", Deposes: true}},
		"servers that are there":       {target: etcd.Target{}, external: true, want: history.Detection{By: "the settings are those of its servers"}},
		"the same servers, and given":  {target: etcd.Target{}, external: true, given: given, want: history.Detection{After: given, By: "as was given", Deposes: true}},
		"one process, there already":   {target: dynamodb.Target{}, external: true, want: history.Detection{By: "the settings are those of its servers"}},
		"one process, of which others": {target: dynamodb.Target{}, given: given, want: history.Detection{After: given, By: "as was given", Deposes: true}},
		"a target that cannot know it": {target: silent{}, external: true, want: history.Detection{By: "nobody says"}},
		"the same, and it is given":    {target: silent{}, external: true, given: given, want: history.Detection{After: given, By: "as was given", Deposes: true}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := c.target.Resolve(targets.Config{})
			if err != nil {
				t.Fatal(err)
			}
			if got := detectionOf(c.target, cfg, c.external, c.given); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

// TestGivenDetectionIsInThePlan: faults last longer and shorter than what was given.
func TestGivenDetectionIsInThePlan(t *testing.T) {
	const after = 4 * time.Second
	env := Environment{Targets: registry.All(), Providers: registry.Providers(), Log: slog.New(slog.DiscardHandler), Cache: t.TempDir()}
	p, err := Plan(t.Context(), Request{Target: "quorumkv", Faults: "partition-one,kill", Duration: time.Minute, Detection: after, Seed: 42, Seeded: true}, env)
	if err != nil {
		t.Fatal(err)
	}
	s := p.Plan.Schedule
	if s.Detection == nil || s.Detection.After != after {
		t.Fatalf("detection %+v", s.Detection)
	}
	var longer, shorter int
	for _, step := range s.Steps {
		if step.Hold > after {
			longer++
		} else {
			shorter++
		}
	}
	if longer == 0 || shorter == 0 {
		t.Errorf("%d faults last longer and %d shorter", longer, shorter)
	}
}
