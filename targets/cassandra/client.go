package cassandra

import (
	"context"
	"errors"
	"fmt"

	"github.com/gocql/gocql"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/outcome"
	"github.com/lapse-test/lapse/targets/wire"
)

// client is one session. It implements targets.Client.
type client struct {
	sys     *System
	session targets.Session
	read    level
	write   level
	// statements are those of the write level.
	statements statements
	*wire.Conns[*conn]
}

var _ targets.Client = (*client)(nil)

// Do implements targets.Client.
func (c *client) Do(ctx context.Context, at int, txn *history.Txn) targets.Result {
	if !c.session.Roam {
		at = c.session.Home
	}
	if len(txn.Mops) != 1 {
		return targets.Result{Outcome: history.Fail, Node: -1, Err: fmt.Errorf("a transaction of %d: cassandra has none over several keys", len(txn.Mops))}
	}
	m := &txn.Mops[0]
	st, err := c.statements.of(m)
	if err != nil {
		return targets.Result{Outcome: history.Fail, Node: -1, Err: err}
	}
	n, err := c.conn(ctx, at)
	if err != nil {
		// A session that stays has lost its node; one that roams has others.
		return targets.Result{Outcome: history.Fail, Node: at, Err: plainTable.Explain(err), Broken: !c.session.Roam}
	}
	q, stamp := c.bind(ctx, n, m, st)
	defer q.Release()
	if err := n.prepare(ctx, q); err != nil {
		return targets.Result{Outcome: history.Fail, Node: at, Err: fmt.Errorf("preparing the statement: %w", plainTable.Explain(err)), Broken: broken(err)}
	}
	before := n.sent()
	err = execute(q, st, txn)
	if err == nil {
		if stamp != 0 {
			txn.SetVersion(0, stamp)
		}
		return targets.Result{Outcome: history.OK, Node: at}
	}
	if errors.Is(err, errNotApplied) {
		return targets.Result{Outcome: history.Fail, Node: at, Err: err}
	}
	table := plainTable
	if st.conditional {
		table = lightweightTable
	}
	j := table.Judge(outcome.Operation{Writes: m.Func.Writes(), Sent: n.sent() != before}, err)
	return targets.Result{Outcome: j.Outcome, Node: at, Err: j.Err, Broken: j.Broken}
}

// bind makes a query of m, and returns the timestamp that it carries, 0 if none.
func (c *client) bind(ctx context.Context, n *conn, m *history.Mop, st statement) (*gocql.Query, int64) {
	q := n.query(ctx, st.cql, st.values(m)...)
	switch {
	case !m.Func.Writes():
		q.Consistency(c.read.cql)
	case st.conditional:
		serial, commit := c.write.conditional()
		// What a lightweight transaction returns has not always the same columns.
		q.Consistency(commit).SerialConsistency(serial).NoSkipMetadata()
	default:
		q.Consistency(c.write.cql)
	}
	if st.stamped && c.sys.set.clientTime {
		stamp := c.sys.clock.next()
		q.WithTimestamp(stamp)
		if m.Func == history.Write || m.Func == history.Delete {
			return q, stamp
		}
	}
	return q, 0
}

// execute carries out q and fills in what was seen.
func execute(q *gocql.Query, st statement, txn *history.Txn) error {
	iter := q.Iter()
	switch {
	case st.conditional:
		return readApplied(iter, txn)
	case st.shape == shapeRead:
		var value, stamp *int64
		found := iter.Scan(&value, &stamp)
		if err := iter.Close(); err != nil {
			return err
		}
		setRead(txn, found, value)
		if found && stamp != nil {
			txn.SetVersion(0, *stamp)
		}
		return nil
	case st.shape == shapeList:
		var list []int64
		iter.Scan(&list)
		if err := iter.Close(); err != nil {
			return err
		}
		values := make([]history.Value, len(list))
		for i, v := range list {
			values[i] = history.Value(v)
		}
		txn.SetList(0, values)
		return nil
	case st.shape == shapeCounter:
		var value int64 // a counter that never was is 0
		iter.Scan(&value)
		if err := iter.Close(); err != nil {
			return err
		}
		txn.SetRead(0, history.Value(value))
		return nil
	}
	return iter.Close()
}

func setRead(txn *history.Txn, found bool, value *int64) {
	if !found || value == nil {
		txn.SetRead(0, history.Absent)
		return
	}
	txn.SetRead(0, history.Value(*value))
}

// readApplied reads what a lightweight transaction returned: whether it was
// applied and, if not and if there is a row, the columns of its condition.
func readApplied(iter *gocql.Iter, txn *history.Txn) error {
	var applied, ignored bool
	var value *int64
	var never *int32
	columns := iter.Columns()
	into := make([]any, len(columns))
	for i, column := range columns {
		switch column.Name {
		case "[applied]":
			into[i] = &applied
		case "v":
			into[i] = &value
		case "never":
			into[i] = &never
		default:
			into[i] = &ignored
		}
	}
	found := iter.Scan(into...)
	if err := iter.Close(); err != nil {
		return err
	}
	if !found {
		return errors.New("a lightweight transaction returned nothing")
	}
	if applied {
		return nil
	}
	m := &txn.Mops[0]
	if m.Func != history.CAS {
		return fmt.Errorf("%w, although it always holds", errNotApplied)
	}
	setRead(txn, true, value)
	m.Flags |= history.Mismatched
	return errNotApplied
}

// conn is the connection to a node; a lost one of a roaming session is made again
// for its next operation there, for it is by operations that such a session is
// connected.
func (c *client) conn(ctx context.Context, node int) (*conn, error) {
	return c.To(node, func() (*conn, error) { return c.sys.connect(ctx, node, c.session.Life) })
}
