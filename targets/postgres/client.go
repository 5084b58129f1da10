package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/outcome"
	"github.com/lapse-test/lapse/targets/wire"
)

// client is one session: at most one connection to each node, opened when first
// needed and never opened again once it was lost.
type client struct {
	*wire.Conns[*conn]
	sys     *System
	set     settings
	session targets.Session
	carried
}

// The isolation level is a setting of the session: see clientLogin.
const (
	sqlBegin         = "BEGIN"
	sqlBeginReadOnly = "BEGIN READ ONLY"
)

var (
	_ targets.Client = (*client)(nil)
	_ targets.Heir   = (*client)(nil)
)

// Do implements targets.Client.
func (c *client) Do(ctx context.Context, at int, txn *history.Txn) targets.Result {
	writes := writesAny(txn)
	node := c.route(at, writes)
	res := targets.Result{Outcome: history.Fail, Node: node}
	if err := c.set.supported(txn); err != nil {
		res.Node, res.Err = -1, err
		return res
	}
	cn, err := c.connection(ctx, node)
	if err != nil {
		res.Err = describeError("connecting", err)
		return res
	}
	phase, err := c.do(ctx, cn, node, txn, writes)
	sent := cn.sent()
	if err == nil {
		// Known only now: the warning comes before the answer.
		if err = cn.takeUnreplicated(); err != nil {
			phase = committing
		}
	}
	res.Broken = cn.broken()
	if err != nil {
		res.Outcome = classify(phase, sent, err)
		res.Err = describeError(doing[phase], err)
		if res.Outcome == history.Fail {
			forget(txn)
			res.Note = served(err)
		}
		if errors.Is(err, errNotPrimary) {
			res.Broken = true
		}
		return res
	}
	res.Outcome = history.OK
	if writes {
		c.lastWrite = time.Now()
		if err := c.remember(ctx, cn); err != nil {
			// The write is acknowledged; only this session cannot go on.
			res.Broken = true
		}
	}
	return res
}

var doing = map[phase]string{
	connecting:   "connecting",
	reading:      "reading",
	beforeCommit: "in the transaction",
	committing:   "writing",
}

// do carries out txn on cn and returns how far it came. The count of bytes sent
// starts anew with each phase.
func (c *client) do(ctx context.Context, cn *conn, node int, txn *history.Txn, writes bool) (phase, error) {
	cn.beginPhase()
	cn.unreplicated = false
	if !writes {
		if err := c.readable(ctx, cn, node); err != nil {
			return reading, err
		}
	}
	asOf := !writes && c.set.read == readFollower // what the transaction says when it begins
	// A transfer is two statements.
	if len(txn.Mops) == 1 && txn.Mops[0].Func != history.Transfer && !asOf {
		p := reading
		if writes {
			p = committing
		}
		return p, run(ctx, cn.pg, txn, 0)
	}
	p := beforeCommit
	if !writes {
		p = reading
	}
	if err := execute(ctx, cn.pg, c.set.dialect.begin(c.set.read, writes)); err != nil {
		return p, err
	}
	for i := range txn.Mops {
		if err := run(ctx, cn.pg, txn, i); err != nil {
			c.rollback(ctx, cn)
			return p, err
		}
	}
	if writes {
		p = committing
	}
	cn.beginPhase()
	tag, err := cn.pg.Exec(ctx, "COMMIT")
	if err == nil && tag.String() != "COMMIT" {
		err = errRolledBack
	}
	return p, err
}

// rollback ends a transaction that failed, so that the connection can be used
// again; if that does not work the connection is closed.
func (c *client) rollback(ctx context.Context, cn *conn) {
	if cn.broken() {
		return
	}
	if err := execute(ctx, cn.pg, "ROLLBACK"); err != nil {
		cn.close()
	}
}

// readable makes sure that a read on cn is one that the read level allows.
func (c *client) readable(ctx context.Context, cn *conn, node int) error {
	switch c.set.read {
	case readPrimary:
		// Demoted meanwhile: its values may be old.
		if cn.standby() {
			return errNotPrimary
		}
	case readWaitForLSN:
		if c.token > 0 && cn.standby() {
			return awaitReplay(ctx, cn.pg, c.token)
		}
	}
	return nil
}

var errNotReplayed = errors.New("the replica has not replayed the session's last write within the deadline")

// replayPoll is the interval at which a replica is asked whether it has caught up.
// PostgreSQL 18 has no statement that waits for an LSN.
const replayPoll = 2 * time.Millisecond

// awaitReplay returns when the standby has replayed everything up to position, or
// with errNotReplayed shortly before the deadline of ctx, so that the connection
// stays usable.
func awaitReplay(ctx context.Context, c *pgx.Conn, position lsn) error {
	deadline, bounded := ctx.Deadline()
	margin := max(20*time.Millisecond, min(time.Until(deadline)/10, time.Second))
	for {
		var reached bool
		err := c.QueryRow(ctx, `SELECT COALESCE(pg_last_wal_replay_lsn() >= $1::pg_lsn, false)`, position.String()).Scan(&reached)
		if err != nil || reached {
			return err
		}
		if bounded && time.Until(deadline) < margin {
			return errNotReplayed
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(replayPoll):
		}
	}
}

// The position after a commit. A commit that waited for the disk is in the log up
// to where that was flushed. The insert position is only taken where the commit
// did not wait: records that belong to no commit (pages that were pruned, say) may
// lie between the two for long, and standbys get only what was flushed.
const (
	sqlFlushed  = `SELECT pg_current_wal_flush_lsn()::text`
	sqlInserted = `SELECT pg_current_wal_insert_lsn()::text`
)

// remember notes a position that is not before the commit that was just
// acknowledged on cn.
func (c *client) remember(ctx context.Context, cn *conn) error {
	if c.set.read != readWaitForLSN {
		return nil
	}
	sql := sqlFlushed
	if c.set.write == writeOff {
		sql = sqlInserted
	}
	var text string
	if err := cn.pg.QueryRow(ctx, sql).Scan(&text); err != nil {
		return fmt.Errorf("asking for the position of the commit: %w", err)
	}
	position, err := parseLSN(text)
	c.token = position.end()
	return err
}

// route is the index of the node that the operation goes to.
func (c *client) route(at int, writes bool) int {
	primary := c.sys.primaryIndex()
	n := c.Nodes()
	if at < 0 || at >= n {
		at = c.session.Home % n
	}
	switch {
	case c.sys.everyPrimary.Load():
		return at
	case writes:
		return primary
	case c.set.read == readAny || c.set.read == readFollower:
		return at
	case c.set.read == readPrimary:
		return primary
	case c.set.read == readSticky && !c.lastWrite.IsZero() && time.Since(c.lastWrite) < c.set.sticky:
		return primary
	case c.set.read == readMaxLag:
		return c.sys.near.At(at)
	case at == primary:
		return (at + 1) % n
	}
	return at
}

// connection is the session's connection to node. One that was opened to a
// standby is opened anew when the node has been promoted and its isolation level
// has to be another.
func (c *client) connection(ctx context.Context, node int) (*conn, error) {
	isolation := c.sys.isolationAt(c.set, node)
	if cn := c.At(node); cn != nil && cn.isolation != isolation {
		c.Drop(node)
	}
	return c.To(node, func() (*conn, error) {
		who := c.sys.clientLogin(c.session.ID, c.set, node)
		who.life = c.session.Life
		cn, err := c.sys.connect(ctx, node, who)
		if err != nil {
			return nil, err
		}
		cn.isolation = isolation
		return cn, nil
	})
}

func writesAny(txn *history.Txn) bool {
	for i := range txn.Mops {
		if txn.Mops[i].Func.Writes() {
			return true
		}
	}
	return false
}

// supported refuses what cannot be asked of PostgreSQL here.
func (s settings) supported(txn *history.Txn) error {
	if len(txn.Mops) == 0 || len(txn.Mops) > info.MaxTxn {
		return &outcome.Refusal{Text: fmt.Sprintf("postgres does 1 to %d micro-operations in a transaction", info.MaxTxn)}
	}
	for i := range txn.Mops {
		if !can[txn.Mops[i].Func] {
			return &outcome.Refusal{Text: fmt.Sprintf("postgres has no %v", txn.Mops[i].Func)}
		}
		if s.dialect.refuses(txn.Mops[i].Func) {
			return &outcome.Refusal{Text: fmt.Sprintf("%s has no %v as it is done here", s.dialect.Title, txn.Mops[i].Func)}
		}
	}
	return nil
}

// can is the set of Info.Funcs.
var can = func() map[history.Func]bool {
	m := map[history.Func]bool{}
	for _, f := range info.Funcs {
		m[f] = true
	}
	return m
}()

// forget takes back what a transaction saw that had no effect: it was rolled back
// with it.
func forget(txn *history.Txn) {
	for i := range txn.Mops {
		txn.Mops[i].Flags &^= history.Observed | history.Versioned
	}
}
