package postgres

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/external"
	"github.com/lapse-test/lapse/targets/launch"
	"github.com/lapse-test/lapse/targets/replication"
	"github.com/lapse-test/lapse/targets/wallclock"
)

// Start implements targets.Target.
func (Target) Start(ctx context.Context, c cluster.Cluster, cfg targets.Config) (targets.System, error) {
	set, err := parse(cfg)
	if err != nil {
		return nil, err
	}
	if len(c.Nodes()) != set.nodes {
		return nil, fmt.Errorf("starting postgres: the cluster has %d nodes, not %d", len(c.Nodes()), set.nodes)
	}
	var sw software
	if image := cluster.ImageOf(c); image != "" {
		sw, err = softwareOf(ctx, image, c.Nodes()[0])
	} else {
		sw, err = set.find(ctx, cfg.Cache)
	}
	if err != nil {
		return nil, err
	}
	s := &System{
		Fleet:    launch.New("PostgreSQL", logName, c, cfg),
		set:      set,
		software: sw,
		schema:   external.OwnName(cfg.Run, 63),
		rebuild:  map[int]bool{},
		strayed:  map[int]lsn{},
		copied:   map[int]lsn{},
	}
	s.Complaint = complains
	s.Teller = launch.NewTeller(s.Logger)
	if cfg.Clocks {
		if s.clocks, err = wallclock.Find(ctx, cfg.Cache, c); err != nil {
			return nil, err
		}
	}
	s.Bender = wallclock.NewBender(s.Index, s.clocks.Mover(s.Nodes), s.wallClock)
	if set.pooler != poolerNone {
		if err := s.poolers.find(ctx, cfg.Cache); err != nil {
			return nil, err
		}
	}
	if set.failover == failoverPatroni {
		programs, version, err := sw.withPatroni(ctx, cfg.Cache)
		if err != nil {
			return nil, err
		}
		s.manager, s.patroniVersion = newManager(s, programs), version
	}
	startCtx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := s.start(startCtx, cfg.Cache); err != nil {
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		return nil, errors.Join(err, s.Stop(stopCtx))
	}
	return s, nil
}

const (
	// startTimeout bounds Start, with initdb, etcd, Patroni and copies of the data on a loaded machine.
	startTimeout = 3 * time.Minute
	// stopTimeout bounds stopping when starting has failed.
	stopTimeout = 20 * time.Second
)

func (s *System) start(ctx context.Context, cache string) error {
	if err := s.startServers(ctx, cache); err != nil {
		return err
	}
	if err := s.WhileRunning(ctx, s.makeReady); err != nil {
		return err
	}
	if err := s.WhileRunning(ctx, s.checkpoint); err != nil {
		return err
	}
	if s.set.patroni.sync {
		if err := s.WhileRunning(ctx, s.manager.awaitSynchronous); err != nil {
			return err
		}
	}
	if s.set.applyDelay > 0 {
		s.delayed.Store(true)
		for i := range s.Nodes {
			if err := s.reconfigure(i); err != nil {
				return err
			}
		}
	}
	switch s.set.failover {
	case failoverPatroni:
		s.watches = append(s.watches, launch.Every(replication.LookEvery, s.manager.follow))
	case failoverOn:
		s.watches = append(s.watches, s.startFailoverManager())
	}
	if s.set.read == readMaxLag {
		s.watches = append(s.watches, s.startNear(ctx))
	}
	if s.set.multiLeader {
		s.watches = append(s.watches, s.watchSubscriptions())
	}
	return nil
}

// startServers starts them all, by Patroni or without it.
func (s *System) startServers(ctx context.Context, cache string) error {
	if s.manager != nil {
		return s.manager.start(ctx)
	}
	if err := s.prepare(ctx, cache); err != nil {
		return err
	}
	s.Progress(fmt.Sprintf("starting %s on %s", s.software, count.Of(len(s.Nodes), "node")))
	for i := range s.Nodes {
		if err := s.launch(ctx, i); err != nil {
			return err
		}
		if err := s.startPooler(i); err != nil {
			return err
		}
	}
	return nil
}

// launch starts the server of a node. That it serves is for the caller to wait
// for.
func (s *System) launch(ctx context.Context, node int) error {
	n := s.Nodes[node]
	if err := s.unlock(node); err != nil {
		return err
	}
	if err := s.own(n, dataDir(n)); err != nil {
		return err
	}
	if s.software.image != "" {
		return n.Start(ctx, s.entryPoint(n))
	}
	command, err := s.clocks.Command(n, cluster.Command{
		Path:    filepath.Join(s.software.bindir, "postgres"),
		Args:    []string{"-D", dataDir(n)},
		Log:     logName,
		NotRoot: true,
	})
	if err != nil {
		return err
	}
	return n.Start(ctx, command)
}

// logName is the file in a node's log directory that the server writes to.
const logName = "postgres.log"

// makeReady makes the schema and returns when a write went through the primary at
// the write level and every standby has shown it.
func (s *System) makeReady(ctx context.Context) error {
	if s.set.multiLeader {
		return s.makeLeaders(ctx)
	}
	err := cluster.Await(ctx, "the primary", func(ctx context.Context) error {
		return s.admin(ctx, s.primaryIndex(), func(*conn) error { return nil })
	})
	if err != nil {
		return err
	}
	if err := s.admin(ctx, s.primaryIndex(), func(c *conn) error { return s.makeSchema(ctx, c) }); err != nil {
		return err
	}
	if err := s.Await(ctx, "to serve clients through its pooler", s.poolerServes); err != nil {
		return err
	}
	return s.makeProbe(ctx)
}

// makeProbe writes through the primary at the write level and returns when every
// node shows it: then the schema is there before any client reads at a standby.
func (s *System) makeProbe(ctx context.Context) error {
	if err := s.writeProbe(ctx); err != nil {
		return err
	}
	return s.Await(ctx, "to show a write of the primary", s.showsProbe)
}

// writeProbe writes through the primary at the write level.
func (s *System) writeProbe(ctx context.Context) error {
	c, err := s.connect(ctx, s.primaryIndex(), s.clientLogin(0, s.set, s.primaryIndex()))
	if err != nil {
		return fmt.Errorf("connecting as a client: %w", err)
	}
	defer c.close()
	if err := execute(ctx, c.pg, `INSERT INTO probe VALUES (0, 1)`); err != nil {
		return fmt.Errorf("writing at level %s: %w", s.set.write, err)
	}
	return nil
}

func (s *System) showsProbe(ctx context.Context, node int) error {
	c, err := s.connect(ctx, node, s.clientLogin(0, s.set, node))
	if err != nil {
		return err
	}
	defer c.close()
	var n int64
	return c.pg.QueryRow(ctx, `SELECT value FROM probe WHERE id = 0`).Scan(&n)
}

// checkpoint has every node write down where it is. A standby that was killed
// shows, when it is started again, first the state of its last restartpoint: that
// must not be one before there were tables.
func (s *System) checkpoint(ctx context.Context) error {
	if s.set.multiLeader {
		return nil
	}
	primary := s.primaryIndex()
	var goal standing
	err := s.admin(ctx, primary, func(c *conn) (err error) {
		if err = execute(ctx, c.pg, `CHECKPOINT`); err == nil {
			goal, err = askStanding(ctx, c)
		}
		return err
	})
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for i := range s.Nodes {
		if i == primary {
			continue
		}
		group.Go(func() error {
			return s.admin(ctx, i, func(c *conn) error {
				if err := awaitReplay(ctx, c.pg, goal.position); err != nil {
					return err
				}
				return execute(ctx, c.pg, `CHECKPOINT`)
			})
		})
	}
	return group.Wait()
}

// makeSchema makes the role, the schema and the tables in one transaction.
func (s *System) makeSchema(ctx context.Context, c *conn) error {
	password := ""
	if s.password != "" {
		password = " PASSWORD '" + s.password + "'" // hexadecimal
	}
	_, err := c.pg.PgConn().Exec(ctx, s.schemaSQL(password)).ReadAll()
	if err != nil {
		return fmt.Errorf("making the schema %s: %w", s.schema, err)
	}
	return nil
}

// schemaSQL is one transaction, so that whoever can log in as the role has its settings. It holds
// a secret: not even an error may bring it into the server's log.
func (s *System) schemaSQL(password string) string {
	return `SET log_statement = 'none'; SET log_min_error_statement = 'panic'; SET log_min_duration_statement = -1;
BEGIN;
CREATE ROLE ` + clientUser + ` LOGIN` + password + `;
CREATE SCHEMA ` + s.schema + ` AUTHORIZATION ` + clientUser + `;
` + s.roleSettings() + `SET LOCAL ROLE ` + clientUser + `;` + tables + `COMMIT;
`
}

// reconfigure writes a node's configuration anew and has a running server take it
// up.
func (s *System) reconfigure(node int) error {
	if err := s.configure(node, s.follows(node)); err != nil {
		return err
	}
	n := s.Nodes[node]
	if err := s.own(n, dataDir(n)); err != nil {
		return err
	}
	if n.State() == cluster.Stopped {
		return nil
	}
	return n.Signal(int(syscall.SIGHUP))
}

// Stop implements targets.System: a fast shutdown of every server, standbys last,
// and SIGKILL for those that have not ended when ctx is done.
func (s *System) Stop(ctx context.Context) error {
	for _, stop := range s.watches {
		stop()
	}
	s.meter.close()
	s.poolers.stop()
	var all []error
	if s.manager != nil {
		all = append(all, s.manager.stop(ctx))
	}
	s.roles.Lock()
	defer s.roles.Unlock()
	errs := make(chan error, len(s.Nodes))
	for _, n := range s.Nodes {
		go func() {
			errs <- s.stopNode(ctx, n)
		}()
	}
	for range s.Nodes {
		all = append(all, <-errs)
	}
	if s.software.image == "" { // a container takes it along
		for _, n := range s.Nodes {
			clearSharedMemory(dataDir(n))
		}
	}
	return errors.Join(all...)
}

func (s *System) stopNode(ctx context.Context, n cluster.Node) error {
	// Patroni would take its time over a shutdown, of which nobody has anything.
	if n.State() == cluster.Paused || s.manager != nil {
		if err := n.Kill(ctx); err != nil {
			return err
		}
	}
	if n.State() != cluster.Stopped {
		_ = n.Signal(int(syscall.SIGINT)) // fast shutdown; Stop alone would wait for clients
	}
	return n.Stop(ctx)
}
