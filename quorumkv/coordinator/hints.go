package coordinator

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lapse-test/lapse/quorumkv/replica"
	"github.com/lapse-test/lapse/quorumkv/storage"
)

const (
	hintInterval    = 250 * time.Millisecond // how often hints for a node that is connected are looked for
	hintPage        = 128
	hintConcurrency = 8
)

// PeerUp tells the coordinator that node can be reached again: its hints are delivered at once.
func (c *Coordinator) PeerUp(node string) {
	select {
	case c.replays[node] <- struct{}{}:
	default: // already woken, or no such node
	}
}

// replayHints delivers what node has missed, whenever it can be reached.
func (c *Coordinator) replayHints(node string, wake <-chan struct{}) {
	tick := time.NewTicker(hintInterval)
	defer tick.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-wake:
		case <-tick.C:
		}
		if c.Store.HintCount(node) == 0 {
			continue
		}
		if err := c.deliverHints(node); err != nil && c.ctx.Err() == nil {
			c.Logger.Debug("hints not delivered", "to", node, "error", err)
		}
	}
}

// deliverHints goes once through node's hints and stops at the first that cannot be delivered.
func (c *Coordinator) deliverHints(node string) error {
	from := ""
	for c.ctx.Err() == nil {
		ctx, cancel := c.message()
		err := c.Transport.Ready(ctx, node)
		cancel()
		if err != nil {
			return err
		}
		hints, err := c.Store.Hints(node, from, hintPage)
		if err != nil || len(hints) == 0 {
			return err
		}
		g, gctx := errgroup.WithContext(c.ctx)
		g.SetLimit(hintConcurrency)
		for _, h := range hints {
			g.Go(func() error { return c.deliverHint(gctx, node, h) })
		}
		if err := g.Wait(); err != nil {
			return err
		}
		from = hints[len(hints)-1].Key + "\x00"
	}
	return c.ctx.Err()
}

func (c *Coordinator) deliverHint(ctx context.Context, node string, h storage.Hint) error {
	answer := make(chan replica.Answer, 1)
	c.Transport.Apply(ctx, node, c.Members.View().Epoch, h.Key, h.Record, c.PeerTimeout, answer)
	select {
	case a := <-answer:
		if a.Err != nil {
			return a.Err
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	c.stats.HintsDelivered.Add(1)
	return c.Store.DeleteHint(node, h)
}
