package runs

import (
	"context"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/providers"
)

// offering tells of each capability why nodes of spec that the provider of that name makes have it
// not, as the end of a sentence; empty if they have.
//
// Whether this machine lets them have it is asked only about those of optional, where the answer
// changes the plan: a list of faults by one name leaves out what cannot be had. Faults that were
// asked for by their names are refused before the run, with the machine's reason.
func offering(ctx context.Context, name string, spec cluster.Spec, optional []cluster.Capability, env Environment) func(cluster.Capability) string {
	spec.Run, spec.LogDir = "probe", os.TempDir()
	unmet := sync.OnceValue(func() map[cluster.Capability]string { return env.Tried.unmetHere(ctx, name, spec, optional, env) })
	return func(c cluster.Capability) string {
		able := providers.Having(env.Providers, spec, c)
		switch {
		case len(able) == 0:
			return "which no provider that is known here has"
		case name != providers.Auto && !slices.Contains(able, name):
			return onlyOf(able)
		case slices.Contains(optional, c):
			return unmet()[c]
		}
		return "" // if the choice is left open, those that are able are what is chosen from
	}
}

func onlyOf(able []string) string {
	return "which only --provider " + strings.Join(able, " or ") + " has"
}

// unmetHere is what offering tells of these capabilities, those left out that nodes have which
// would be made on this machine if nothing were needed. That this would be none is
// said when they are to be made. It also tells whether the machine let them have all of these: a refusal, other than that, may
// have been for want of memory or of processes, and pass.
func unmetHere(ctx context.Context, name string, spec cluster.Spec, all []cluster.Capability, env Environment) (out map[cluster.Capability]string, allHad bool) {
	out = map[cluster.Capability]string{}
	p, _, err := providers.Choose(ctx, env.Providers, name, spec)
	if err != nil {
		return out, false
	}
	had := cluster.CapabilitiesOf(p, spec)
	// Trying takes a moment, and mostly all is well.
	together := spec
	together.Needs = slices.DeleteFunc(slices.Clone(all), func(c cluster.Capability) bool { return !slices.Contains(had, c) })
	allWell := p.Available(ctx, together) == nil
	for _, c := range all {
		if !slices.Contains(had, c) {
			out[c] = onlyOf(providers.Having(env.Providers, spec, c))
			continue
		}
		if allWell {
			continue
		}
		alone := spec
		alone.Needs = []cluster.Capability{c}
		if err := p.Available(ctx, alone); err != nil {
			out[c] = "which cannot be had here: " + err.Error()
		}
	}
	return out, allWell && len(out) == 0
}
