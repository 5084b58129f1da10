package mongodb

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/contents"
	"github.com/lapse-test/lapse/targets/outcome"
	"github.com/lapse-test/lapse/targets/wire"
)

// store is the servers that a run uses, whoever started them.
type store struct {
	set      settings
	nodes    []wire.Access
	database string
	// writes says whether the node with this index takes writes, and writer is one that
	// does. They are called from several goroutines at once.
	writes func(node int) bool
	writer func() int
}

// client is one session: a connection with each node that it asked. It implements
// targets.Client and is for one goroutine at a time.
type client struct {
	*store
	*wire.Conns[*link]
	set    settings
	reader reader
	life   *wire.Life
	// clock and operation are what a causally consistent session has seen: they go along
	// from node to node.
	clock     bson.Raw
	operation *bson.Timestamp
}

var _ targets.Client = (*client)(nil)

func newClient(s *store, session targets.Session) *client {
	c := &client{store: s, set: s.set, Conns: wire.NewConns(len(s.nodes), (*link).close), reader: reader{contents.Reader{Text: session.Text}}, life: session.Life}
	if session.Replica {
		c.set.concern, c.set.preference, c.set.causal = local, nearest, false
	}
	return c
}

// choose is the node that the levels call for: writes and transactions go to one that
// takes writes; at chooses where several will do.
func (c *client) choose(at int, writes bool) int {
	switch {
	case c.writes(at) && (writes || c.set.preference != secondary):
		return at
	case writes || c.set.preference == primary:
		return c.writer()
	case c.set.preference == secondary && c.writes(at):
		if next := (at + 1) % len(c.nodes); !c.writes(next) {
			return next
		}
	}
	return at
}

// Do implements targets.Client.
func (c *client) Do(ctx context.Context, at int, txn *history.Txn) targets.Result {
	writes := slices.ContainsFunc(txn.Mops, func(m history.Mop) bool { return m.Func.Writes() })
	several := len(txn.Mops) > 1
	node := c.choose(at, writes || several)
	sent, err := false, error(nil)
	if several {
		err = c.set.refuseTransaction()
	}
	var l *link
	if err == nil {
		l, err = c.link(node)
	}
	if err == nil {
		sent, err = c.carryOut(ctx, l, txn)
	}
	res := errorTable.Result(node, outcome.Operation{Writes: writes, Sent: sent}, err)
	res.Note = served(err)
	return res
}

// refuseTransaction returns why the settings have no transactions.
func (s settings) refuseTransaction() error {
	switch {
	case s.standalone:
		return errStandalone
	case s.concern == linearizable, s.concern == available, s.preference != primary:
		return errTxnLevel
	}
	return nil
}

var (
	errStandalone = &outcome.Refusal{Text: "a transaction of several: a standalone server has none"}
	errTxnLevel   = &outcome.Refusal{Text: "a transaction of several: MongoDB's are at the primary, with read concern local, majority or snapshot"}
)

// carryOut says whether anything may have been sent that changes something.
func (c *client) carryOut(ctx context.Context, l *link, txn *history.Txn) (sent bool, err error) {
	several := len(txn.Mops) > 1
	if !several && !c.set.causal {
		return l.do(ctx, func(ctx context.Context) error { return command(ctx, l.data, txn, 0, c.reader) })
	}
	if l.session == nil {
		if l.session, err = l.client.StartSession(options.Session().SetCausalConsistency(c.set.causal)); err != nil {
			return false, err
		}
	}
	session := l.session
	if c.set.causal {
		if err := c.advance(session); err != nil {
			return false, err
		}
		defer c.remember(session)
	}
	in := func(f func(context.Context) error) (bool, error) {
		return l.do(ctx, func(ctx context.Context) error { return f(mongo.NewSessionContext(ctx, session)) })
	}
	if !several {
		return in(func(ctx context.Context) error { return command(ctx, l.data, txn, 0, c.reader) })
	}
	return c.transaction(session, l, txn, in)
}

// transaction: until its commit is sent, a transaction has no effect and will have none.
func (c *client) transaction(session *mongo.Session, l *link, txn *history.Txn, in func(func(context.Context) error) (bool, error)) (sent bool, err error) {
	err = session.StartTransaction(options.Transaction().SetReadConcern(c.set.readConcern()).SetWriteConcern(c.set.writeConcern()).SetReadPreference(readpref.Primary()))
	if err != nil {
		return false, err
	}
	for i := range txn.Mops {
		if _, err := in(func(ctx context.Context) error { return command(ctx, l.data, txn, i, c.reader) }); err != nil {
			if !errorTable.Judge(outcome.Operation{}, err).Broken {
				abort(session)
			}
			return false, err
		}
	}
	if sent, err = in(session.CommitTransaction); err != nil {
		l.session = nil // the driver can hold it for one whose transaction is still to be committed
	}
	return sent, err
}

// abortTimeout is for letting a server know that a transaction, which failed, is over: a
// server that does not hear it ends the transaction after a minute.
const abortTimeout = time.Second

func abort(session *mongo.Session) {
	ctx, cancel := context.WithTimeout(context.Background(), abortTimeout)
	defer cancel()
	_ = session.AbortTransaction(ctx) // whether it heard it makes no difference to the outcome
}

// advance has a session see no less than what this client saw at any node.
func (c *client) advance(session *mongo.Session) error {
	if c.operation == nil {
		return nil
	}
	return errors.Join(session.AdvanceClusterTime(c.clock), session.AdvanceOperationTime(c.operation))
}

func (c *client) remember(session *mongo.Session) {
	if t := session.OperationTime(); t != nil {
		c.clock, c.operation = session.ClusterTime(), t
	}
}

// link is the session's connection with a node, which is made when it is first asked.
func (c *client) link(node int) (*link, error) {
	return c.To(node, func() (*link, error) {
		to := c.nodes[node]
		to.Life = c.life
		return newLink(to, c.database, c.set)
	})
}
