package runs

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

// refusalHolds is for how long a refusal is remembered: a suite plans its runs one right after the other, while in a hunt of hours memory or
// processes that there were not may be there again. A try takes some 50 ms.
const refusalHolds = 10 * time.Second

// Tried remembers what this machine lets nodes have, which only making some tells, so that the
// runs of one command whose nodes are made alike have it tried once: a suite plans hundreds of them.
// What was refused is tried again after refusalHolds. A nil Tried remembers nothing. It is safe for concurrent use.
type Tried struct {
	mu    sync.Mutex
	known map[string]answer
}

// answer is what of the capabilities asked about nodes have not, until when that holds. A zero until is for good.
type answer struct {
	unmet map[cluster.Capability]string
	until time.Time
}

// unmetHere is unmetHere, asked once for nodes that are made alike. What was found out while
// ctx ended is not kept, and neither is anything of nodes that are there already: it depends on more than what was asked for.
func (t *Tried) unmetHere(ctx context.Context, name string, spec cluster.Spec, all []cluster.Capability, env Environment) map[cluster.Capability]string {
	if t == nil || len(spec.At) > 0 || spec.Operator != nil {
		unmet, _ := unmetHere(ctx, name, spec, all, env)
		return unmet
	}
	key := alike(name, spec, all)
	t.mu.Lock()
	defer t.mu.Unlock()
	if k, ok := t.known[key]; ok && (k.until.IsZero() || time.Now().Before(k.until)) {
		return maps.Clone(k.unmet)
	}
	unmet, allHad := unmetHere(ctx, name, spec, all, env)
	if ctx.Err() != nil {
		return unmet
	}
	found := answer{unmet: unmet}
	if !allHad {
		found.until = time.Now().Add(refusalHolds)
	}
	if t.known == nil {
		t.known = map[string]answer{}
	}
	t.known[key] = found
	return maps.Clone(unmet)
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
