package nemesis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/targets/cluster"
)

const familyCPU = "cpu"

// shares are how much of one processor a starved node has, as pick has it.
var shares = [...]float64{0.01, 0.02, 0.05}

// cpuLimits are processors that a node has next to nothing of, as in a container with a small
// limit, or beside a neighbour that takes them all: it does all that it does, and slowly.
func cpuLimits() family {
	return family{doing: "giving processors back", restore: unthrottle, kinds: []kind{{
		Info: Info{Name: "cpu-limit", Kind: familyCPU, MinNodes: 1, Capabilities: []cluster.Capability{cluster.Throttles},
			Summary:     "give all processes of one node together 1, 2 or 5 % of one processor, by a control group",
			NotExternal: "lapse puts no process into a control group that it did not start: use pause"},
		grip: onProcess,
		pick: func(r *rand.Rand, nodes []string, s *Step) {
			s.Nodes, s.Pick = pickOne(nodes, r.IntN(len(nodes))), r.IntN(len(shares))
		},
		check: func(nodes []string, s *Step) error {
			if s.Pick < 0 || s.Pick >= len(shares) {
				return usagef("fault cpu-limit: pick is %d, but must be 0 to %d", s.Pick, len(shares)-1)
			}
			return checkOne(nodes, s)
		},
		act: func(s *Step) action {
			return &cpuLimit{victims: victims{family: familyCPU, step: s}, share: shares[s.Pick]}
		},
	}}}
}

// cpuLimit takes effect when the kernel says that all processes of the node have the share. It is
// healed when it says that they have none any more and the node's process runs. How often they have
// used it up and had to wait is in the fault's record.
type cpuLimit struct {
	victims
	share float64
	fault *history.Fault
	node  cluster.Throttler
}

func (c *cpuLimit) aim(ctx context.Context, s *scene, f *history.Fault) error {
	err := c.victims.aim(ctx, s, f)
	c.fault, f.Name = f, fmt.Sprintf("limit %s to %s of a processor", c.step.Nodes[0], percent(c.share))
	if err != nil {
		return err
	}
	var ok bool
	if c.node, ok = c.nodes[0].(cluster.Throttler); !ok {
		return usagef("the processes of %s cannot be given a share of the processors", c.step.Nodes[0])
	}
	return nil
}

func (c *cpuLimit) inject(ctx context.Context, _ *scene) error { return c.node.Throttle(ctx, c.share) }

func (c *cpuLimit) tookEffect(ctx context.Context, _ *scene) ([]string, error) {
	now, err := c.node.Throttling()
	if err != nil {
		return nil, err
	}
	name := c.nodes[0].Name()
	switch {
	case now.Share < c.share*0.99 || now.Share > c.share*1.01:
		return nil, fmt.Errorf("%s has %s of a processor, and not %s", name, percent(now.Share), percent(c.share))
	case now.Outside > 0:
		return nil, joinErrors([]error{fmt.Errorf("%d of the processes of %s may run as they like", now.Outside, name), c.node.Throttle(ctx, c.share)})
	}
	return []string{fmt.Sprintf("all processes of %s have %s of a processor together", name, percent(now.Share))}, nil
}

// heal gives the processors back, whatever it comes to what was used of them.
func (c *cpuLimit) heal(ctx context.Context, s *scene) error {
	uncounted := c.tell()
	if err := c.node.Unthrottle(ctx); err != nil {
		return joinErrors([]error{uncounted, err})
	}
	return joinErrors([]error{uncounted, c.victims.heal(ctx, s)})
}

// tell notes what the share has cost, once.
func (c *cpuLimit) tell() error {
	if c.fault.Met != nil {
		return nil
	}
	now, err := c.node.Throttling()
	if err != nil {
		return err
	}
	met := int(now.Throttled)
	if c.fault.Met = &met; now.Share > 0 {
		c.fault.Proof = append(c.fault.Proof, fmt.Sprintf("in %s %s had its share used up %s, waited %s for more, and those of its processes that run ran %s in all",
			count.Of(int(now.Periods), "period"), c.nodes[0].Name(), times(now.Throttled), duration.Text(now.Waited.Round(time.Millisecond)), duration.Text(now.Used)))
	}
	return nil
}

func (c *cpuLimit) healed(ctx context.Context, s *scene) ([]string, error) {
	now, err := c.node.Throttling()
	if err != nil {
		return nil, err
	}
	if now.Share > 0 {
		return nil, fmt.Errorf("%s still has %s of a processor", c.nodes[0].Name(), percent(now.Share))
	}
	proof, err := c.victims.healed(ctx, s)
	return append(proof, "its processes share no part of a processor any more"), err
}

// unthrottle gives the processors back to all nodes.
func unthrottle(ctx context.Context, s *scene) error {
	return each(s.Cluster.Nodes(), func(n cluster.Node) error {
		t, ok := n.(cluster.Throttler)
		if !ok {
			return nil
		}
		return t.Unthrottle(ctx)
	})
}
