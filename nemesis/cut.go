package nemesis

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/targets/cluster"
)

// cut is the action of all faults of the network: it cuts links.
//
// It takes effect when a probe over every cut link fails, the database's own packets
// were dropped on some of them since it was injected (not on each: two standbys
// of one primary have nothing to say to each other), and a probe over every other
// link arrives. It is healed when a probe over each of its links arrives,
// except for those that another fault cuts.
type cut struct {
	family string
	step   *Step
	// describe names the step for people.
	describe func(*Step) string
	links    []cluster.Link
	// isolatePrimary: links are found when it is injected.
	isolatePrimary bool
	// counted: the links are in the ledger. free are those that were mended.
	counted bool
	free    []cluster.Link
	mended  bool
	// before is what the links had dropped when it was injected; uncounted says that
	// nobody counts that there.
	before    map[cluster.Link]cluster.Drops
	uncounted bool
	// dropped is how many packets were dropped until healing began.
	dropped uint64
}

func (c *cut) aim(ctx context.Context, s *scene, f *history.Fault) error {
	f.Kind = c.family
	f.Nodes, f.Groups, f.Cuts = c.step.Nodes, c.step.Groups, c.step.Cuts
	if c.isolatePrimary {
		f.Name = "isolate the primary"
		p, err := s.primary(ctx)
		if err != nil {
			return s.unasked(fmt.Errorf("finding the primary: %w", err))
		}
		var at Step
		isolate(p, s.nodes, &at)
		f.Name, f.Nodes, f.Groups, f.Cuts = "isolate the primary "+p, at.Nodes, at.Groups, at.Cuts
	} else {
		f.Name = c.describe(c.step)
	}
	var err error
	if c.links, err = parseLinks(f.Cuts, append(slices.Clone(s.nodes), cluster.Clients)); err != nil {
		return err
	}
	return s.mustCarry(ctx, c.links)
}

func (c *cut) inject(ctx context.Context, s *scene) error {
	s.network.Lock()
	defer s.network.Unlock()
	var err error
	c.before, err = s.Cluster.Network().Drops(ctx)
	if c.uncounted = errors.Is(err, cluster.ErrNotCounted); err != nil && !c.uncounted {
		return fmt.Errorf("reading drop counters: %w", err)
	}
	s.ledger.cut(c.links)
	c.counted = true
	return s.Cluster.Network().Cut(ctx, c.links...)
}

func (c *cut) tookEffect(ctx context.Context, s *scene) ([]string, error) {
	if err := s.mustFail(ctx, c.links); err != nil {
		return nil, err
	}
	counted := cluster.ErrNotCounted.Error()
	if !c.uncounted {
		dropped, on, err := s.mustDrop(ctx, c.links, c.before)
		if err != nil {
			return nil, err
		}
		counted = fmt.Sprintf("%s of the database dropped on %d of them meanwhile", packets(dropped), on)
	}
	others := s.otherLinks(c.links)
	if err := s.mustPass(ctx, others); err != nil {
		return nil, fmt.Errorf("more was cut than meant: %w", err)
	}
	return []string{
		fmt.Sprintf("probes failed over the %d cut links: %s", len(c.links), listed(c.links)),
		counted,
		"probes passed over all other " + count.OfMany(len(others), "links"),
	}, nil
}

func (c *cut) heal(ctx context.Context, s *scene) error {
	s.network.Lock()
	defer s.network.Unlock()
	if c.counted && !c.mended {
		if drops, err := s.Cluster.Network().Drops(ctx); err == nil {
			for _, l := range c.links {
				c.dropped += drops[l].Packets - min(c.before[l].Packets, drops[l].Packets)
			}
		}
		c.free = s.ledger.mend(c.links)
		c.mended = true
	}
	// When healing is tried again: a link that another fault has cut since is
	// not ours to heal any more.
	free := slices.DeleteFunc(slices.Clone(c.free), s.ledger.isCut)
	if len(free) == 0 {
		return nil
	}
	return s.Cluster.Network().Heal(ctx, free...)
}

func (c *cut) healed(ctx context.Context, s *scene) ([]string, error) {
	free := slices.DeleteFunc(slices.Clone(c.links), s.ledger.isCut)
	if err := s.mustPass(ctx, free); err != nil {
		return nil, err
	}
	proof := "probes pass again over " + count.Of(len(free), "link")
	if !c.uncounted {
		proof = fmt.Sprintf("%s dropped until it was healed; %s", packets(c.dropped), proof)
	}
	if n := len(c.links) - len(free); n > 0 {
		proof += fmt.Sprintf("; %d more are still cut by another fault", n)
	}
	return []string{proof}, nil
}

// packets says how many packets were counted.
func packets(n uint64) string { return count.Of(int(n), "packet") }
