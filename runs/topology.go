package runs

import (
	"context"

	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// checkTopology refuses regions that cannot be, and any where links cannot be slowed down.
func checkTopology(ctx context.Context, plan *harness.Plan, spec cluster.Spec, env Environment) error {
	t, err := cluster.ParseTopology(plan.Topology, plan.Latency, spec.Nodes)
	switch {
	case err != nil && plan.Topology == "":
		return targets.Usagef("--latency %s: %v", plan.Latency, err)
	case err != nil:
		return targets.Usagef("--topology %s: %v", plan.Topology, err)
	case t == nil:
		return nil
	}
	if len(spec.At) > 0 {
		return targets.Usagef("--topology %s: the links of an external cluster are what they are: leave it out, or --at", plan.Topology)
	}
	if why := offering(ctx, plan.Provider, spec, nil, env)(cluster.HoldsBack); why != "" {
		return targets.Usagef("--topology %s needs %s, %s", plan.Topology, cluster.HoldsBack.Meaning(), why)
	}
	return nil
}
