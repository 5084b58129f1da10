package redis

import (
	"context"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/outcome"
)

var (
	errSlots    = outcome.Refuse("the keys of the transaction are in several hash slots: a cluster has no transaction over them")
	errUnserved = outcome.Refuse("no node is known to serve the key's hash slot")
)

// choose is the node that the levels call for. Nothing was sent to it yet.
func (c *client) choose(ctx context.Context, at int, txn *history.Txn, writes bool) (int, error) {
	owners, err := c.owners(ctx, txn)
	if err != nil {
		return 0, err
	}
	switch {
	case writes || c.set.read == readPrimary || len(owners) == 1:
		return owners[0], nil
	case c.set.read == readAny:
		return pick(owners, at, c.id), nil
	}
	return pick(owners[1:], at, c.id), nil
}

// pick is at itself if it is among nodes, else one that is the session's own.
func pick(nodes []int, at, id int) int {
	for _, n := range nodes {
		if n == at {
			return n
		}
	}
	return nodes[id%len(nodes)]
}

// owners are the nodes that hold the keys of txn, the primary first.
func (c *client) owners(ctx context.Context, txn *history.Txn) ([]int, error) {
	if !c.set.cluster {
		return c.ranked(), nil
	}
	slot := slotOf(txn.Mops[0].Key.String())
	for i := range txn.Mops {
		if slotOf(txn.Mops[i].Key.String()) != slot {
			return nil, errSlots
		}
	}
	if c.stale {
		if err := c.refresh(ctx); err != nil {
			return nil, err
		}
	}
	owners := c.slots.owners(slot)
	if len(owners) == 0 {
		c.stale = true
		return nil, errUnserved
	}
	return owners, nil
}

// refreshTimeout bounds the question to one node.
const refreshTimeout = 300 * time.Millisecond

// refresh asks one node after the other for the slots, with connections of its own,
// so that a node that does not answer ends no other connection of the session.
func (c *client) refresh(ctx context.Context) error {
	for range c.nodes {
		i := c.ask % len(c.nodes)
		c.ask++
		if m, err := c.askNode(ctx, i); err == nil {
			c.slots, c.stale = m, false
			return nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errUnserved
}

func (c *client) askNode(ctx context.Context, i int) (slotMap, error) {
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	l := adminLink(c.nodes[i])
	defer l.close()
	return l.slots(ctx, c.index)
}
