package mysql

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/outcome"
	"github.com/lapse-test/lapse/targets/wire"
)

// backend tells sessions about the database that they use.
type backend interface {
	// login returns the login of session at node.
	login(session targets.Session, node int) (login, error)
	// place says which node takes the writes, nowhere if all do, and which one is to be
	// read from at level max-lag in place of at.
	place(at int) (primary, near int)
}

// client is one session: at most one connection to each node, opened when first needed.
// It implements targets.Client and is for one goroutine at a time.
type client struct {
	*wire.Conns[*conn]
	set     settings
	session targets.Session
	back    backend
	carried
}

var (
	_ targets.Client = (*client)(nil)
	_ targets.Heir   = (*client)(nil)
)

func newClient(set settings, back backend, session targets.Session) *client {
	if session.Replica {
		set.read = set.replicaLevel()
	}
	c := &client{set: set, session: session, back: back, Conns: wire.NewConns(set.nodes, (*conn).close)}
	c.lastWrite, c.gtid = session.Carried.LastWrite, session.Carried.Token
	return c
}

// Do implements targets.Client.
func (c *client) Do(ctx context.Context, at int, txn *history.Txn) targets.Result {
	writes := slices.ContainsFunc(txn.Mops, func(m history.Mop) bool { return m.Func.Writes() })
	node := c.route(at, writes)
	cn, err := c.connection(ctx, node)
	if err != nil {
		return targets.Result{Outcome: history.Fail, Node: node, Broken: true, Err: errorTable.Explain(err)}
	}
	cn.beginPhase()
	committing, err := c.carryOut(ctx, cn, txn, writes)
	if err == nil {
		res := targets.Result{Outcome: history.OK, Node: node}
		if writes {
			// The write is acknowledged; if its position cannot be had only this session
			// cannot go on.
			res.Broken = c.remember(ctx, cn) != nil
		}
		return res
	}
	j := errorTable.Judge(outcome.Operation{Writes: committing, Sent: cn.sent()}, err)
	res := targets.Result{Outcome: j.Outcome, Err: j.Err, Node: node, Broken: j.Broken || cn.lost}
	if res.Outcome == history.Fail {
		forget(txn)
		res.Note = served(err)
	}
	return res
}

// carryOut does txn on cn and says whether the error, if any, was met while something
// was being committed: before, the server rolls back what was done. It never goes on
// after an error, because the transaction may be gone and what follows would be
// committed statement by statement.
func (c *client) carryOut(ctx context.Context, cn *conn, txn *history.Txn, writes bool) (committing bool, err error) {
	if !writes && c.gtid != "" && c.waits(cn) {
		if err := c.await(ctx, cn); err != nil {
			return false, err
		}
	}
	// A transfer is two statements.
	if len(txn.Mops) == 1 && txn.Mops[0].Func != history.Transfer {
		return writes, run(ctx, cn, txn, 0)
	}
	begin := "START TRANSACTION"
	if !writes {
		begin = "START TRANSACTION READ ONLY"
	}
	err = cn.execute(ctx, begin)
	for i := 0; err == nil && i < len(txn.Mops); i++ {
		err = run(ctx, cn, txn, i)
	}
	if err != nil {
		c.rollback(ctx, cn)
		return false, err
	}
	cn.beginPhase()
	if err := cn.execute(ctx, "COMMIT"); err != nil {
		c.rollback(ctx, cn)
		return writes, &commitError{err}
	}
	return false, nil
}

// rollback ends a transaction that failed, so that the connection can be used again; if
// that does not work the connection is closed, which ends it, too.
func (c *client) rollback(ctx context.Context, cn *conn) {
	if cn.lost {
		return
	}
	if err := cn.execute(ctx, "ROLLBACK"); err != nil {
		cn.close()
	}
}

// waits says whether reads on cn wait for the session's own writes: not at the primary.
func (c *client) waits(cn *conn) bool {
	primary, _ := c.back.place(0)
	return primary == nowhere || c.At(primary) != cn
}

// await returns when the replica has applied the session's own last write.
func (c *client) await(ctx context.Context, cn *conn) error {
	patience := c.set.timeout
	if deadline, ok := ctx.Deadline(); ok {
		patience = time.Until(deadline)
	}
	// A margin, so that the answer comes before the deadline and the connection stays.
	v, err := cn.text(ctx, `SELECT MASTER_GTID_WAIT(?, `+fmt.Sprintf("%.3f", patience.Seconds()*0.8)+`)`, c.gtid)
	if err == nil && v != "0" {
		err = errNotApplied
	}
	return err
}

// remember notes when and at which position the session's own write was committed.
func (c *client) remember(ctx context.Context, cn *conn) error {
	c.lastWrite = time.Now()
	if c.set.read != readGTID {
		return nil
	}
	gtid, err := cn.text(ctx, `SELECT @@last_gtid`)
	if err == nil && gtid != "" {
		c.gtid = gtid
	}
	return err
}

// route is the index of the node that the operation goes to.
func (c *client) route(at int, writes bool) int {
	if at < 0 || at >= c.Nodes() {
		at = c.session.Home % c.Nodes()
	}
	primary, near := c.back.place(at)
	switch {
	case primary == nowhere:
		return at
	case writes || c.set.read == readPrimary || c.set.galera:
		return primary
	case c.set.read == readAny:
		return at
	case c.set.read == readSticky && !c.lastWrite.IsZero() && time.Since(c.lastWrite) < c.set.sticky:
		return primary
	case c.set.read == readMaxLag:
		return near
	case at == primary:
		return (at + 1) % c.Nodes()
	}
	return at
}

// connection is the session's connection to node.
func (c *client) connection(ctx context.Context, node int) (*conn, error) {
	return c.To(node, func() (*conn, error) {
		who, err := c.back.login(c.session, node)
		if err != nil {
			return nil, err
		}
		who.life = c.session.Life
		return dial(ctx, who)
	})
}

// forget takes back what a transaction saw that had no effect: it was rolled back with
// it.
func forget(txn *history.Txn) {
	for i := range txn.Mops {
		txn.Mops[i].Flags &^= history.Observed | history.Versioned
	}
}
