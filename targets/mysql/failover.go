package mysql

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	sdk "github.com/go-sql-driver/mysql"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/replication"
)

// operated shows the failover manager a MariaDB cluster. Semi-synchronous
// replication waits for one replica, whichever it is, so that all replicas must be asked
// to find one that has every acknowledged commit. A replica that is promoted has first
// applied what it has received.
type operated struct{ *System }

var _ replication.Driver[standing] = operated{}

// applyTimeout bounds the time in which a replica that is promoted applies what it has.
const applyTimeout = 10 * time.Second

func (s *System) startFailoverManager() (stop func()) {
	o := replication.FailoverManager[standing]{
		Driver: operated{s}, Nodes: s.Nodes, Primary: s.primaryIndex, After: s.set.failoverAfter, Replica: "replica", Roles: &s.roles,
		Tell: func(format string, args ...any) { s.Tell("failover", format, args...) },
		Debug: func(doing string, node cluster.Node, err error) {
			s.Logger.Debug(doing, "node", node.Name(), "error", err)
		},
	}
	if s.set.semiSync() {
		o.Acknowledged = 1
	}
	return o.Start()
}

// Ask implements replication.Driver.
func (o operated) Ask(ctx context.Context, node int) replication.Answer[standing] {
	if o.Nodes[node].State() == cluster.Stopped {
		return replication.Answer[standing]{Err: replication.ErrStopped}
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	st, err := o.standing(ctx, node)
	return replication.Answer[standing]{
		Err: err, Replica: st.replica, Deaf: !st.receiving,
		Position: uint64(st.received), Text: strconv.FormatUint(uint64(st.received), 10), Seen: st,
	}
}

// Answered implements replication.Driver.
func (operated) Answered(err error) bool {
	var e *sdk.MySQLError
	return errors.As(err, &e)
}

// Eligible implements replication.Driver.
func (o operated) Eligible(node int) bool { return !o.rebuild[node] }

// Promote implements replication.Driver: a replica applies what it has received and takes
// writes. Follow has the others follow it.
func (o operated) Promote(ctx context.Context, old, node int) error {
	ctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	err := o.admin(ctx, node, func(c *conn) error {
		if err := c.executeAll(ctx, "STOP SLAVE IO_THREAD", "START SLAVE SQL_THREAD"); err != nil {
			return err
		}
		err := cluster.Await(ctx, "what it has received to be applied", func(ctx context.Context) error {
			st, err := askStanding(ctx, c)
			if err == nil && st.applied < st.received && !st.idle {
				err = fmt.Errorf("it has applied up to %d of %d", st.applied, st.received)
			}
			return err
		})
		if err != nil {
			return err
		}
		return c.executeAll(ctx, "STOP SLAVE", "RESET SLAVE ALL", "SET GLOBAL rpl_semi_sync_slave_enabled = OFF",
			fmt.Sprintf("SET GLOBAL rpl_semi_sync_master_enabled = %t", o.set.semiSync()), "SET GLOBAL read_only = OFF")
	})
	if err != nil {
		return err
	}
	o.rebuild[old] = true
	o.held.Put(node, false)
	o.primary.Store(int32(node))
	return nil
}

// Follow implements replication.Driver.
func (o operated) Follow(ctx context.Context, a replication.Answer[standing]) (anew bool, err error) {
	answered := a.Err == nil
	host, number, err := o.Way(a.Node, o.primaryIndex(), port)
	switch {
	case err != nil:
		return false, err
	case !answered || o.rebuild[a.Node]:
	case a.Seen.upstream != net.JoinHostPort(host, number):
		return false, o.follow(ctx, a.Node)
	case a.Seen.diverged:
		o.Tell("replica", "%s has what the primary has not, or cannot apply what it gets: it is made anew", o.Nodes[a.Node].Name())
		o.rebuild[a.Node] = true
		return true, nil
	case !a.Seen.applying && !o.held.Has(a.Node):
		return false, o.order(ctx, a.Node, "START SLAVE")
	}
	return false, nil
}

// Rebuild implements replication.Driver.
func (o operated) Rebuild(ctx context.Context, node int) error {
	return o.rebuildReplica(ctx, node)
}
