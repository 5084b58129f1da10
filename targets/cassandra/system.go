package cassandra

import (
	"context"
	"fmt"
	"sync"

	"github.com/gocql/gocql"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/launch"
	"github.com/lapse-test/lapse/targets/wallclock"
	"github.com/lapse-test/lapse/targets/wire"
)

// System is a running Cassandra cluster. It is safe for concurrent use.
type System struct {
	*launch.Fleet
	ability.Tokenless
	wallclock.Bender // to the millisecond
	set              settings
	// launcher starts the nodes' processes.
	launcher launcher
	// keyspace has the tables.
	keyspace string
	clock    *clock
	ring     *ring
	version  string

	// accesses are how the nodes of an external cluster let us in; nil for nodes of ours.
	accesses []wire.Access

	// admins are connections for what the harness itself asks of each node.
	adminMu sync.Mutex
	admins  []*conn
}

var (
	_ targets.System        = (*System)(nil)
	_ targets.ReplicaPlacer = (*System)(nil)
	_ ability.DataCentred   = (*System)(nil)
	_ ability.ClockBender   = (*System)(nil)
)

// Open implements targets.System. A session that stays is connected to its home
// at once.
func (s *System) Open(ctx context.Context, session targets.Session) (targets.Client, error) {
	c := &client{
		sys: s, session: session,
		read: s.set.read, write: s.set.write,
		statements: newStatements(s.keyspace, s.set.write),
		Conns:      wire.NewConns(len(s.admins), (*conn).close),
	}
	if session.Replica {
		one, err := parseLevel(replicaLevel, true, s.set.topology)
		if err != nil {
			return nil, err
		}
		c.read = one
	}
	if !session.Roam {
		if _, err := c.conn(ctx, session.Home); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// replicaLevel is answered by the nearest replica, which is the coordinator itself where
// it has the key.
const replicaLevel = "ONE"

// ReplicaLevel implements targets.ReplicaReader.
func (*System) ReplicaLevel() string { return replicaLevel }

// connect makes a connection to a node from where the clients are.
func (s *System) connect(ctx context.Context, node int, life *wire.Life) (*conn, error) {
	if s.accesses != nil {
		to := s.accesses[node]
		to.Life = life
		return connectAs(ctx, to, s.set.opTimeout, s.Logger)
	}
	addr, err := s.Addr(node, nativePort)
	if err != nil {
		return nil, err
	}
	return connectAs(ctx, wire.Access{Addr: addr, Life: life}, s.set.opTimeout, s.Logger)
}

// admin runs f with a connection to a node that is kept for the next time, unless
// f fails.
func (s *System) admin(ctx context.Context, node int, f func(*conn) error) error {
	s.adminMu.Lock()
	n := s.admins[node]
	s.admins[node] = nil
	s.adminMu.Unlock()
	if n == nil {
		var err error
		if n, err = s.connect(ctx, node, nil); err != nil {
			return err
		}
	}
	err := f(n)
	if err != nil && broken(err) {
		n.close() // it is useless
		return err
	}
	s.adminMu.Lock()
	defer s.adminMu.Unlock()
	if s.admins[node] != nil {
		n.close() // another caller was quicker
		return err
	}
	s.admins[node] = n
	return err
}

// Ready implements targets.System: the node answers a read as a coordinator.
func (s *System) Ready(ctx context.Context, node string) error {
	i, err := s.Index(node)
	if err != nil {
		return err
	}
	return s.alive(ctx, i, func(ctx context.Context) error {
		return s.admin(ctx, i, func(n *conn) error { return s.coordinates(ctx, n) })
	})
}

// coordinates has a node answer a read.
func (s *System) coordinates(ctx context.Context, n *conn) error {
	return n.query(ctx, "SELECT v FROM "+s.keyspace+"."+dataTable+" WHERE k = 'ready'").Consistency(gocql.One).Exec()
}

// alive calls ask unless the node's process has ended.
func (s *System) alive(ctx context.Context, i int, ask func(context.Context) error) error {
	if err := s.Alive(i); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.set.opTimeout)
	defer cancel()
	if err := ask(ctx); err != nil {
		return fmt.Errorf("%s: %w", s.Nodes[i].Name(), err)
	}
	return nil
}

// Version implements targets.System.
func (s *System) Version() string { return "Apache Cassandra " + s.version }

// Replicas implements targets.ReplicaPlacer.
func (s *System) Replicas(_ context.Context, key history.Key) ([]string, error) {
	var out []string
	for _, i := range s.ring.replicas(murmur3([]byte(key.String()))) {
		out = append(out, s.Nodes[i].Name())
	}
	return out, nil
}

// DataCentres implements ability.DataCentred.
func (s *System) DataCentres() map[string]string {
	out := map[string]string{}
	for i, n := range s.Nodes {
		out[n.Name()] = dcName(s.set.dc(i))
	}
	return out
}

// Stop implements targets.System. The nodes are killed: their data ends with the
// cluster, and an orderly end of Cassandra takes seconds.
func (s *System) Stop(ctx context.Context) error {
	s.closeAdmins()
	return s.Fleet.Stop(ctx)
}

func (s *System) closeAdmins() {
	s.adminMu.Lock()
	defer s.adminMu.Unlock()
	for i, n := range s.admins {
		if n != nil {
			n.close()
			s.admins[i] = nil
		}
	}
}
