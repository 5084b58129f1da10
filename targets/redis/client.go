package redis

import (
	"context"
	"errors"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/contents"
	"github.com/lapse-test/lapse/targets/outcome"
	"github.com/lapse-test/lapse/targets/wire"
)

// client is one session: a connection with each node that it asked. It implements
// targets.Client and is for one goroutine at a time.
type client struct {
	*wire.Conns[*link]
	set    settings
	nodes  []wire.Access
	index  indexer
	life   *wire.Life
	id     int
	keys   keys
	reader reader
	// ranked are the nodes of a primary with replicas, the primary first.
	ranked func() []int
	// checks is as in store.
	checks bool

	// slots is the map that the session goes by, as clients of a cluster do: it is
	// asked for again only when a node did not answer or sent the session away.
	slots slotMap
	stale bool
	// ask is the node that is asked for the map next.
	ask int
}

var _ targets.Client = (*client)(nil)

func newClient(s *store, session targets.Session) *client {
	set := s.set
	if session.Replica {
		set.read = readAny
	}
	return &client{
		ranked: s.ranked, checks: s.checks && set.read == readPrimary, set: set, nodes: s.nodes, index: s.index, Conns: wire.NewConns(len(s.nodes), (*link).close), life: session.Life, id: int(session.ID),
		keys: s.keys, reader: reader{contents.Reader{Text: session.Text}}, stale: s.set.cluster, ask: session.Home,
	}
}

// Do implements targets.Client. Writes go to the primary of their keys whatever at
// says; at chooses among replicas.
func (c *client) Do(ctx context.Context, at int, txn *history.Txn) targets.Result {
	writes := false
	for i := range txn.Mops {
		writes = writes || txn.Mops[i].Func.Writes()
	}
	node, err := c.choose(ctx, at, txn, writes)
	if err != nil {
		return errorTable.Result(-1, outcome.Operation{Writes: writes}, err)
	}
	l, err := c.link(node)
	if err != nil {
		return errorTable.Result(node, outcome.Operation{Writes: writes}, err)
	}
	before := l.dialer.Sent()
	failed, err := c.carryOut(ctx, l, txn, writes)
	switch {
	case err != nil:
		res := errorTable.Result(node, outcome.Operation{Writes: writes, Sent: l.dialer.Sent() != before}, err)
		res.Note = served(err)
		switch code(err) {
		case "", "MOVED", "CLUSTERDOWN", "READONLY", "MASTERDOWN", "LOADING":
			c.stale = c.set.cluster
			c.ask = (node + 1) % len(c.nodes)
		}
		return res
	case failed:
		return targets.Result{Outcome: history.Fail, Err: errMismatch, Node: node}
	}
	return targets.Result{Outcome: history.OK, Node: node}
}

var errMismatch = errors.New("the key holds another value")

func (c *client) carryOut(ctx context.Context, l *link, txn *history.Txn, writes bool) (failed bool, err error) {
	commands := make([][]any, len(txn.Mops))
	for i := range txn.Mops {
		if commands[i], err = c.keys.command(&txn.Mops[i]); err != nil {
			return false, err
		}
		if len(commands) > 1 && txn.Mops[i].Func == history.CAS {
			return false, errCASInTransaction
		}
	}
	var replies []any
	if c.set.watch && txn.Mops[0].Func == history.CAS {
		replies, err = l.compareAndSet(ctx, commands[0])
	} else {
		replies, err = l.do(ctx, commands)
	}
	if err != nil {
		return false, err
	}
	for i, reply := range replies {
		mismatch, err := c.reader.see(txn, i, reply)
		if err != nil {
			return false, err
		}
		failed = failed || mismatch
	}
	if writes && !failed && c.set.wait > 0 {
		return false, c.wait(ctx, l)
	}
	return failed, nil
}

// waitShare is the share of an operation's time that WAIT may take, so that its answer
// comes before the deadline.
const waitShare = 0.75

func (c *client) wait(ctx context.Context, l *link) error {
	most := time.Duration(float64(c.set.timeout) * waitShare)
	if deadline, ok := ctx.Deadline(); ok {
		most = min(most, time.Duration(float64(time.Until(deadline))*waitShare))
	}
	have, err := l.wait(ctx, c.set.wait, max(most, time.Millisecond))
	if err != nil && code(err) == "" {
		return err
	}
	if err != nil || have < int64(c.set.wait) {
		return &unreplicatedError{err}
	}
	return nil
}

func (c *client) link(node int) (*link, error) {
	return c.To(node, func() (*link, error) {
		var onConnect connected
		switch {
		case c.set.cluster && c.set.read != readPrimary:
			onConnect = readOnly
		case c.checks:
			onConnect = isPrimary
		}
		at := c.nodes[node]
		at.Life = c.life
		return newLink(at, c.set.timeout, onConnect, &wire.Dialer{Once: true}), nil
	})
}
