package runs

import (
	"time"

	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/workloads"
)

// faultsOf is what the faults of a run are drawn from, but for what the user asked
// for: what the target can do with the resolved cfg, and what whoever runs its nodes
// lets be done to them. The load lasts for duration, and given is the time that its failure detection takes, 0 if nobody said it.
func faultsOf(t targets.Target, cfg targets.Config, spec cluster.Spec, duration, given time.Duration) nemesis.Config {
	c := nemesis.Config{
		Nodes: spec.Nodes, Duration: duration, Abilities: t.Abilities(cfg),
		External: len(spec.At) > 0, Operator: cfg.Operator,
	}
	if talker, ok := t.(targets.Talker); ok {
		c.Talks = func(primary, from, to string) bool { return talker.Talks(cfg, primary, from, to) }
	}
	if l, ok := t.(targets.Lacker); ok {
		c.Lacks = func(a ability.Ability) string { return l.Lacks(cfg, a) }
	}
	c.Detection = detectionOf(t, cfg, len(spec.At) > 0, given)
	return c
}

// detectionOf is the failure detection of the database: the time that the user has given, or else what follows from cfg. What
// lapse would start servers with says nothing of those of an external cluster.
func detectionOf(t targets.Target, cfg targets.Config, isExternal bool, given time.Duration) history.Detection {
	var d history.Detection
	if detector, ok := t.(targets.Detector); ok {
		d = detector.Detection(cfg)
	}
	switch {
	case given > 0:
		return history.Detection{After: given, By: "as was given", Deposes: d.Deposes || d.After == 0}
	case isExternal && (d.By == "" || d.After > 0): // else the target itself says why it is not known
		return history.Detection{By: "the settings are those of its servers"}
	}
	return d
}

// checkLinger refuses readers that are to linger where they cannot.
func (p *Planned) checkLinger() error {
	if p.Plan.Linger != harness.LingerOn {
		return nil
	}
	if _, can := p.Workload.(workloads.Glancer); !can {
		return targets.Usagef("--linger on: the keys of workload %s cannot be read besides what its clients do; leave it out, or use --workload register or session", p.Plan.Workload)
	}
	if len(p.Plan.Schedule.Steps) == 0 {
		return targets.Usagef("--linger on: there are no faults to linger at; name some with --faults")
	}
	return nil
}
