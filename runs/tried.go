package runs

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"github.com/lapse-test/lapse/targets/cluster"
)

// Tried remembers what this machine lets nodes have, which only making some tells, so that the
// runs of one command whose nodes are made alike have it tried once: a suite plans hundreds of them.
// A nil Tried remembers nothing. It is safe for concurrent use.
type Tried struct {
	mu    sync.Mutex
	unmet map[string]map[cluster.Capability]string
}

// unmetHere is unmetHere, asked once for nodes that are made alike. What was found out while
// ctx ended is not kept, and neither is anything of nodes that are there already: it depends on more than what was asked for.
func (t *Tried) unmetHere(ctx context.Context, name string, spec cluster.Spec, all []cluster.Capability, env Environment) map[cluster.Capability]string {
	if t == nil || len(spec.At) > 0 || spec.Operator != nil {
		return unmetHere(ctx, name, spec, all, env)
	}
	key := alike(name, spec, all)
	t.mu.Lock()
	defer t.mu.Unlock()
	if known, ok := t.unmet[key]; ok {
		return maps.Clone(known)
	}
	found := unmetHere(ctx, name, spec, all, env)
	if ctx.Err() != nil {
		return found
	}
	if t.unmet == nil {
		t.unmet = map[string]map[cluster.Capability]string{}
	}
	t.unmet[key] = found
	return maps.Clone(found)
}

// alike is the same text for nodes about which a provider of that name has the same answer: all of spec but what is about nodes that are there already.
func alike(name string, spec cluster.Spec, all []cluster.Capability) string {
	var container cluster.Container
	if spec.Container != nil {
		container = *spec.Container
	}
	return fmt.Sprintf("%q %q %q %q %d %t %t %v %q %t %+q %q %q", name, all, spec.Nodes, spec.Beside, spec.Ports, spec.LinkByLink, spec.Cuts, spec.Links, spec.Needs,
		spec.Container != nil, container, spec.NoContainer, spec.Dir)
}
