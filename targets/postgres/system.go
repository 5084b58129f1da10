package postgres

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/launch"
	"github.com/lapse-test/lapse/targets/replication"
	"github.com/lapse-test/lapse/targets/wallclock"
	"github.com/lapse-test/lapse/targets/wire"
)

// System is a running PostgreSQL cluster. It is safe for concurrent use.
type System struct {
	*launch.Fleet
	wallclock.Bender
	*launch.Teller // "failover", "standby", "replication" and "restart"
	set            settings
	software       software
	// clocks has the servers read clocks that can be moved; nil for the machine's own.
	clocks *wallclock.Preload
	// password is everybody's, empty where none is asked for.
	password string
	schema   string

	// primary is the index of the node that takes the writes.
	primary atomic.Int32
	// delayed turns recovery_min_apply_delay on.
	delayed atomic.Bool

	// roles is held while nodes change their roles or are started, so that nobody
	// starts a node in a role that is being taken from it.
	roles sync.Mutex
	// held are the standbys that HoldReplica stopped from replaying.
	held launch.NodeSet
	// rebuild are the nodes whose data is of a history that was given up.
	rebuild map[int]bool
	// strayed are, for each node that was neither made anew nor seen to follow since, the
	// earliest position at which a timeline that it must follow left the one before. Like
	// rebuild it belongs to whoever holds roles.
	strayed map[int]lsn
	// copied are, for each node that was made anew, the end of the base backup that it was made of: before it has the log up to
	// there it is not consistent. It belongs to whoever holds roles, too.
	copied map[int]lsn
	// manager is Patroni; nil unless failover is by it.
	manager *manager
	// patroniVersion is empty without it.
	patroniVersion string
	// poolers stand between clients and servers, if they are to.
	poolers poolers
	// near knows which standbys are near enough for read level max-lag.
	near  replication.Near
	meter lagMeter
	// watches end what looks at the nodes again and again.
	watches []func()

	// logins has how each node of an external cluster is connected to; nil for nodes of
	// ours.
	logins []externalLogin
	// everyPrimary says that every node takes writes.
	everyPrimary atomic.Bool
}

var (
	_ targets.System    = (*System)(nil)
	_ ability.Primarier = (*System)(nil)
	_ ability.Lagger    = (*System)(nil)
	_ ability.Mortal    = (*System)(nil)

	_ ability.ClockBender = (*System)(nil)
	_ targets.Observer    = (*System)(nil)
	_ targets.LagMeter    = (*System)(nil)
)

// Open implements targets.System. Connections are made when they are needed.
func (s *System) Open(_ context.Context, session targets.Session) (targets.Client, error) {
	set := s.set
	if session.Replica {
		set.read = readAny
	}
	c := &client{
		sys:     s,
		set:     set,
		session: session,
		Conns:   wire.NewConns(len(s.Nodes), (*conn).close),
	}
	return c, c.take(session.Carried)
}

// Carries implements ability.Mortal.
func (s *System) Carries() string { return s.set.carries() }

// ReplicaLevel implements targets.ReplicaReader. Standbys have no serializable
// transactions.
func (s *System) ReplicaLevel() string {
	if s.set.isolation == "serializable" {
		return ""
	}
	return readAny
}

// Version implements targets.System.
func (s *System) Version() string {
	if s.manager != nil {
		return s.software.String() + " under Patroni " + s.patroniVersion
	}
	if s.poolers.version != "" {
		return s.software.String() + " behind PgBouncer " + s.poolers.version
	}
	return s.software.String()
}

// Primary implements ability.Primarier: the node that takes the writes according
// to the failover manager, or the first node without one.
func (s *System) Primary(context.Context) (string, error) {
	return s.Nodes[s.primaryIndex()].Name(), nil
}

func (s *System) primaryIndex() int { return int(s.primary.Load()) }

// connect makes a connection from where the clients are.
func (s *System) connect(ctx context.Context, node int, who login) (*conn, error) {
	if s.logins != nil {
		return s.logins[node].dial(ctx, who.params, who.life)
	}
	if s.pooled(who) {
		return s.dialPooler(ctx, node, who)
	}
	addr, err := s.Addr(node, port)
	if err != nil {
		return nil, err
	}
	return dial(ctx, addr, who)
}

func (s *System) clientLogin(session int32, set settings, node int) login {
	who := login{user: clientUser, password: s.password, database: database, params: map[string]string{
		"application_name":              fmt.Sprintf("lapse-%d", session),
		"search_path":                   s.schema,
		"synchronous_commit":            set.write,
		"default_transaction_isolation": s.isolationAt(set, node),
	}}
	if set.write == writeDefault {
		delete(who.params, "synchronous_commit")
	}
	set.dialect.session(who.params, set.read)
	return who
}

// isolationAt is the isolation level of transactions at node: a standby knows no
// serializable, only repeatable read (PostgreSQL, "Serializable Isolation Level":
// hot standbys do not support it).
func (s *System) isolationAt(set settings, node int) string {
	if set.isolation == isolationSerializable && node != s.primaryIndex() && !s.everyPrimary.Load() {
		return "repeatable read"
	}
	return set.isolation
}

// adminLogin is for what the harness itself asks; its writes do not wait for
// standbys.
func (s *System) adminLogin() login {
	return login{user: superuser, password: s.password, database: database, params: map[string]string{
		"application_name":   "lapse-admin",
		"search_path":        s.schema,
		"synchronous_commit": "local",
	}}
}

// admin runs f with a connection of the superuser's to node.
func (s *System) admin(ctx context.Context, node int, f func(c *conn) error) error {
	return launch.Ask(s.Fleet, node, func() (*conn, error) { return s.connect(ctx, node, s.adminLogin()) }, (*conn).close, f)
}
