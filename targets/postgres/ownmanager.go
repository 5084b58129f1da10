package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/replication"
	"github.com/lapse-test/lapse/targets/wire"
)

// operated shows the failover manager a PostgreSQL cluster. A standby that the
// failover manager can ask does not hear the primary when it has no connection to it or has not
// heard from it for deafAfter. See failover.go for how one is promoted.
//
// Its fields belong to the failover manager's goroutine.
type operated struct {
	*System
	// conns are connections of the failover manager's own, one a node.
	conns *wire.Conns[*conn]
	// timeline is the present one; 0 until the first promotion, when every node is
	// on it.
	timeline int
}

var _ replication.Driver[standing] = (*operated)(nil)

const (
	// askTimeout bounds a node's answer to the failover manager.
	askTimeout = 500 * time.Millisecond
	// deafAfter bounds the time for which a standby that is connected may hear nothing: after half of
	// wal_receiver_timeout it asks, and an idle primary answers.
	deafAfter = 1500 * time.Millisecond
)

func (s *System) startFailoverManager() (stop func()) {
	driver := &operated{System: s, conns: wire.NewConns(len(s.Nodes), (*conn).close)}
	o := replication.FailoverManager[standing]{
		Driver: driver, Nodes: s.Nodes, Primary: s.primaryIndex, After: s.set.failoverAfter,
		Acknowledged: s.set.acknowledgedOnStandbys(), Replica: "standby", Roles: &s.roles,
		Tell: func(format string, args ...any) { s.Tell("failover", format, args...) },
		Debug: func(doing string, node cluster.Node, err error) {
			s.Logger.Debug(doing, "node", node.Name(), "error", err)
		},
	}
	end := o.Start()
	return func() {
		end()
		_ = driver.conns.Close() // never fails
	}
}

// Ask implements replication.Driver.
func (o *operated) Ask(ctx context.Context, node int) replication.Answer[standing] {
	st, err := o.ask(ctx, node)
	return replication.Answer[standing]{
		Err: err, Replica: st.standby, Deaf: !st.receiving || st.silent > deafAfter,
		Position: uint64(st.position), Text: st.position.String(), Seen: st,
	}
}

// ask asks a node over the failover manager's connection to it. Different nodes can be asked at
// once.
func (o *operated) ask(ctx context.Context, node int) (standing, error) {
	if o.Nodes[node].State() == cluster.Stopped {
		o.conns.Drop(node)
		return standing{}, replication.ErrStopped
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	c, err := o.conns.To(node, func() (*conn, error) { return o.connect(ctx, node, o.adminLogin()) })
	if err != nil {
		return standing{}, err
	}
	st, err := askStanding(ctx, c)
	if c.broken() {
		o.conns.Drop(node)
	}
	return st, err
}

// Answered implements replication.Driver.
func (*operated) Answered(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg)
}

// Eligible implements replication.Driver.
func (o *operated) Eligible(node int) bool { return !o.rebuild[node] }

// Follow implements replication.Driver: standbys are configured to follow the primary,
// and those whose log left its history are made anew; also those that were copied from a primary which was lost with the end of
// that base backup: recovery from it needs the log up to there, and answers nobody until it has it.
func (o *operated) Follow(_ context.Context, a replication.Answer[standing]) (anew bool, err error) {
	st, strayed, answered, copied := a.Seen, o.strayed[a.Node], a.Err == nil, o.copied[a.Node]
	switch {
	case !answered && strayed > 0 && copied > strayed && o.Answered(a.Err):
		o.Tell("standby", "%s was copied from a primary that is gone, up to %v, and the new primary's history left that one's at %v: it would never be consistent, and is copied anew",
			o.Nodes[a.Node].Name(), copied, strayed)
		o.rebuild[a.Node] = true
		return true, nil
	case !answered:
	case st.receiving && (o.timeline == 0 || st.timeline == o.timeline):
		delete(o.strayed, a.Node)
	case strayed > 0 && st.position > strayed && !st.receiving:
		o.Tell("standby", "%s has the log up to %v, but the new primary's history left its own at %v: it is copied anew", o.Nodes[a.Node].Name(), st.position, strayed)
		o.rebuild[a.Node] = true
		return true, nil
	}
	return false, nil
}

// Rebuild implements replication.Driver: a node becomes a standby from a fresh copy.
func (o *operated) Rebuild(ctx context.Context, node int) error {
	o.conns.Drop(node)
	return o.rebuildStandby(ctx, node)
}
