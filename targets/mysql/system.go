package mysql

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/external"
	"github.com/lapse-test/lapse/targets/launch"
	"github.com/lapse-test/lapse/targets/replication"
	"github.com/lapse-test/lapse/targets/wallclock"
)

// The users of our own servers: the harness's, the replicas', and the sessions', who may
// not write where read_only is on. The replicas' may kill nobody: a semi-synchronous
// replica that stops kills, by its number, the connection that it had at the primary,
// and after a restart there the number is somebody else's.
const (
	adminUser   = "lapse_admin"
	replicaUser = "lapse_replica"
	clientUser  = "lapse"
)

// nowhere is the primary of a database in which every node takes writes.
const nowhere = external.Every

// System is a running MariaDB. It is safe for concurrent use.
type System struct {
	*launch.Fleet
	wallclock.Bender
	*launch.Teller // "failover", "replica", "restart" and "quorum"
	set            settings
	version        string
	// library is the version of Galera.
	library string
	// programs are the paths of the server's programs, by their names.
	programs map[string]string
	// image names the image of nodes that are containers, empty for others.
	image string
	// clocks has the servers read clocks that can be moved; nil for the machine's own.
	clocks *wallclock.Preload
	// password is everybody's; it is made for the run.
	password, database string

	// primary is the index of the node that takes the writes, nowhere where all do.
	primary atomic.Int32
	// formed says that a Galera cluster was made, so that nobody makes another.
	formed atomic.Bool
	// group and transfers are those of a Galera cluster: who is in it, and who joins.
	group     group
	transfers transfers

	// roles is held while nodes change their roles or are started, so that nobody
	// starts a node in a role that is being taken from it.
	roles sync.Mutex
	// held are the replicas that HoldReplica stopped from applying.
	held launch.NodeSet
	// rebuild are the nodes whose data is of a history that was given up.
	rebuild map[int]bool
	// made counts the times that each node's data directory was made.
	made []int
	// lags knows how far the replicas are behind, and near which of them are near enough
	// for read level max-lag.
	lags lagMeter
	near replication.Near
	// watches end what looks at the nodes again and again.
	watches []func()
}

var (
	_ targets.System      = (*System)(nil)
	_ targets.Observer    = (*System)(nil)
	_ targets.LagMeter    = (*replicated)(nil)
	_ ability.Primarier   = (*replicated)(nil)
	_ ability.Lagger      = (*replicated)(nil)
	_ ability.HoldChecker = (*replicated)(nil)
	_ ability.ClockBender = (*System)(nil)
)

// replicated is a System with a primary.
type replicated struct{ *System }

// Start implements targets.Target.
func (Target) Start(ctx context.Context, c cluster.Cluster, cfg targets.Config) (targets.System, error) {
	set, err := parse(cfg)
	if err != nil {
		return nil, err
	}
	s := &System{
		Fleet: launch.New("MariaDB", logName, c, cfg), set: set, image: cluster.ImageOf(c),
		database: external.OwnName(cfg.Run, 64), rebuild: map[int]bool{}, made: make([]int, len(c.Nodes())),
	}
	s.transfers.joins = map[int]*join{}
	s.Teller = launch.NewTeller(s.Logger)
	s.Command, s.Complaint = s.command, func(line string) bool { return strings.Contains(line, "[ERROR]") }
	if s.image == "" {
		p, err := source(cfg).Find(ctx, cfg.Cache)
		if err != nil {
			return nil, err
		}
		s.version, s.programs = p.Version, p.Paths
	}
	if cfg.Clocks {
		if s.clocks, err = wallclock.Find(ctx, cfg.Cache, c); err != nil {
			return nil, err
		}
	}
	s.Bender = wallclock.NewBender(s.Index, s.clocks.Mover(s.Nodes), s.wallClock)
	if s.password, err = launch.NewPassword(); err != nil {
		return nil, err
	}
	s.Secrets = []string{s.password}
	if set.galera && !set.oneWriter {
		s.primary.Store(nowhere)
	}
	if err := s.begin(ctx); err != nil {
		return nil, s.Failed(ctx, err)
	}
	if set.galera {
		return grouped{s}, nil
	}
	if set.failover {
		s.watches = append(s.watches, s.startFailoverManager())
	}
	if set.read == readMaxLag {
		s.watches = append(s.watches, s.startNear(ctx))
	}
	return replicated{s}, nil
}

func (s *System) startNear(ctx context.Context) (stop func()) {
	s.near = replication.Near{
		Most: s.set.maxLag, Nodes: cluster.NodeNames(len(s.Nodes)), Primary: s.primaryIndex, Meter: replicated{s},
		Tell:  func(format string, args ...any) { s.Tell("replica", format, args...) },
		Debug: func(err error) { s.Logger.Debug("looking at the replicas' lag", "error", err) },
	}
	return s.near.Start(ctx)
}

func (s *System) begin(ctx context.Context) error {
	ready := s.formReplication
	s.Progress("making data directories of MariaDB on " + count.Of(len(s.Nodes), "node"))
	if s.set.galera {
		// The others get their data from the first one.
		ready = s.formGalera
		if err := s.install(ctx, 0); err != nil {
			return err
		}
	} else if err := s.onAll(ctx, s.install); err != nil {
		return err
	}
	return s.Fleet.Start(ctx, ready, s.Stop)
}

// onAll does something with every node at once.
func (s *System) onAll(ctx context.Context, do func(ctx context.Context, i int) error) error {
	errs := make([]error, len(s.Nodes))
	var all sync.WaitGroup
	for i := range s.Nodes {
		all.Go(func() { errs[i] = do(ctx, i) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// Open implements targets.System. Connections are made when they are needed.
func (s *System) Open(_ context.Context, session targets.Session) (targets.Client, error) {
	return newClient(s.set, s, session), nil
}

// Carries implements ability.Mortal.
func (s *System) Carries() string { return s.set.carries() }

// replicaLevel is that at which a node answers from what it has.
func (s settings) replicaLevel() string {
	if s.galera {
		return readSync0
	}
	return readAny
}

// ReplicaLevel implements targets.ReplicaReader.
func (s *System) ReplicaLevel() string { return s.set.replicaLevel() }

// login implements backend.
func (s *System) login(session targets.Session, node int) (login, error) {
	set := s.set
	if session.Replica {
		set.read = set.replicaLevel()
	}
	addr, err := s.Addr(node, port)
	return login{addr: addr, user: clientUser, password: s.password, database: s.database, settings: set.session()}, err
}

// session are the statements that a session begins with.
func (s settings) session() []string {
	list := []string{"SET SESSION TRANSACTION ISOLATION LEVEL " + strings.ReplaceAll(s.isolation, "-", " ")}
	if s.ours {
		list = append(list, fmt.Sprintf("SET SESSION innodb_snapshot_isolation = %t", s.snapshot))
	}
	if !s.galera {
		return list
	}
	wait, _ := strings.CutPrefix(s.read, "sync_wait:")
	if s.read == readDirty {
		return append(list, "SET SESSION wsrep_dirty_reads = ON, SESSION wsrep_sync_wait = 0")
	}
	return append(list, "SET SESSION wsrep_sync_wait = "+wait)
}

// place implements backend.
func (s *System) place(at int) (primary, near int) {
	primary = s.primaryIndex()
	if s.set.read == readMaxLag && primary != nowhere {
		near = s.near.At(at)
	}
	return primary, near
}

func (s *System) primaryIndex() int { return int(s.primary.Load()) }

// admin runs f with a connection of the harness's own to node.
func (s *System) admin(ctx context.Context, node int, f func(c *conn) error) error {
	addr, err := s.Addr(node, port)
	if err != nil {
		return err
	}
	return launch.Ask(s.Fleet, node, func() (*conn, error) {
		return dial(ctx, login{addr: addr, user: adminUser, password: s.password})
	}, (*conn).close, f)
}

// order has node carry statements out, one after the other.
func (s *System) order(ctx context.Context, node int, statements ...string) error {
	return s.admin(ctx, node, func(c *conn) error { return c.executeAll(ctx, statements...) })
}

// makeSchema makes the run's database and its tables at node.
func (s *System) makeSchema(ctx context.Context, node int) error {
	list := []string{"CREATE DATABASE " + s.database, "USE " + s.database}
	return s.order(ctx, node, append(list, tables...)...)
}

// shows returns nil when node shows the probe with this id, which another one wrote.
func (s *System) shows(ctx context.Context, node, id int) error {
	return s.admin(ctx, node, func(c *conn) error {
		if _, ok, err := c.one(ctx, `SELECT v FROM `+s.database+`.probe WHERE id = ?`, int64(id)); err != nil || !ok {
			return errors.Join(err, errors.New("it does not show a write of another node"))
		}
		return nil
	})
}

// Restart implements targets.System.
func (s *System) Restart(ctx context.Context, name string) error {
	node, err := s.Index(name)
	if err != nil {
		return err
	}
	if s.set.galera {
		err = s.StartNode(ctx, node)
	} else {
		err = s.restartReplicated(ctx, node)
	}
	if err != nil {
		return fmt.Errorf("restarting %s: %w", name, err)
	}
	return nil
}

// Kept implements ability.Kept: by the failover manager, and by whoever has joiners of Galera begin again.
func (s *System) Kept(node string) bool { return s.set.failover || s.set.galera && s.joinsAgain(node) }

// Ready implements targets.System.
func (s *System) Ready(ctx context.Context, name string) error {
	node, err := s.Index(name)
	if err != nil {
		return err
	}
	if err := s.Alive(node); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, max(s.set.timeout, askTimeout))
	defer cancel()
	if s.set.galera {
		return s.galeraReady(ctx, node)
	}
	return s.replicatedReady(ctx, node)
}

// Version implements targets.System.
func (s *System) Version() string {
	topology := topologyReplication
	if s.set.galera {
		topology = "Galera " + s.library
	}
	if s.image != "" {
		return fmt.Sprintf("MariaDB %s (image %s), %s", s.version, s.image, topology)
	}
	return "MariaDB " + s.version + ", " + topology
}

// Stop implements targets.System.
func (s *System) Stop(ctx context.Context) error {
	for _, stop := range s.watches {
		stop()
	}
	s.roles.Lock()
	defer s.roles.Unlock()
	return s.Fleet.Stop(ctx)
}

// stillness is between two looks at something that must have settled.
const stillness = 50 * time.Millisecond
