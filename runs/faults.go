package runs

import (
	"time"

	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// faultsOf is what the faults of a run are drawn from, but for what the user asked
// for: what the target can do with the resolved cfg, and what whoever runs its nodes
// lets be done to them.
func faultsOf(t targets.Target, cfg targets.Config, spec cluster.Spec, duration time.Duration) nemesis.Config {
	c := nemesis.Config{
		Nodes: spec.Nodes, Duration: duration, Abilities: t.Abilities(cfg),
		External: len(spec.At) > 0, Operator: cfg.Operator,
	}
	if talker, ok := t.(targets.Talker); ok {
		c.Talks = func(primary, from, to string) bool { return talker.Talks(cfg, primary, from, to) }
	}
	return c
}
