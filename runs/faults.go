package runs

import (
	"context"
	"strings"
	"time"

	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/local"
	"github.com/lapse-test/lapse/targets/cluster/providers"
	"github.com/lapse-test/lapse/workloads"
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
	if l, ok := t.(targets.Lacker); ok {
		c.Lacks = func(a ability.Ability) string { return l.Lacks(cfg, a) }
	}
	if d, ok := t.(targets.Detector); ok {
		c.Detection = d.Detection(cfg)
	}
	return c
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

// notShaped is why links have not the trait where a provider makes the nodes of spec, as the
// end of a sentence; empty if they have.
func notShaped(provider string, t cluster.Trait, spec cluster.Spec, env Environment) string {
	can, able := providers.Shapes(env.Providers, provider, t)
	switch {
	case provider == local.Name && can && len(spec.Nodes) > 1 && !spec.LinkByLink:
		return "and there are none under --provider local between nodes that know each other by one address each, as this database's do"
	case can, provider == providers.Auto && len(able) > 0: // those are what it chooses from
		return ""
	case len(able) > 0:
		return "which only --provider " + strings.Join(able, " or ") + " can"
	}
	return "which no provider that is known here can"
}

// notLimited is why processes cannot be limited on nodes of that provider, as the end of a
// sentence; empty if they can.
func notLimited(provider string, env Environment) string {
	switch can, able := providers.Limits(env.Providers, provider); {
	case can, provider == providers.Auto && len(able) > 0: // those are what it chooses from
		return ""
	case len(able) > 0:
		return "which only --provider " + strings.Join(able, " or ") + " can"
	}
	return "which no provider that is known here can"
}

// notThrottled is why processes cannot be given less of the processors where plan's nodes are made, as
// notHad says it.
func notThrottled(plan *harness.Plan, env Environment) string {
	return notHad(plan, env, "can", nemesis.Preset.Throttles, cluster.ThrottlingProvider.Throttles)
}

// notDisked is why nodes have no disks that can be broken where plan's are made, as notHad says it.
func notDisked(ctx context.Context, plan *harness.Plan, env Environment) string {
	return notHad(plan, env, "has", nemesis.Preset.Disks, func(p cluster.DisksProvider) error { return p.Disks(ctx) })
}

// notHad is why what faults need of nodes is not to be had where plan's are made, as the end of a sentence whose
// verb is has or can; empty if it is. The providers that have it are a P. Whether this machine lets one have it is
// asked only where the answer changes the plan: a list of faults, if it needs that, leaves out what cannot be
// had. Faults that were asked for by name are refused before the run, with the machine's reason.
func notHad[P any](plan *harness.Plan, env Environment, verb string, needs func(nemesis.Preset) bool, here func(P) error) string {
	able, of := providers.Having[P](env.Providers)
	if len(able) == 0 {
		return "which no provider that is known here " + verb
	}
	name := plan.Provider
	if name == providers.Auto {
		name = able[0]
	}
	provider, can := of[name]
	if !can {
		return "which only --provider " + strings.Join(able, " or ") + " " + verb
	}
	preset, named := nemesis.PresetNamed(plan.Faults)
	if !named || !needs(preset) {
		return ""
	}
	if err := here(provider); err != nil {
		return "which cannot be had here: " + err.Error()
	}
	return ""
}
