package cassandra

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/gocql/gocql"
	"golang.org/x/sync/errgroup"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

// attached is a cluster that somebody else runs. It has one keyspace there. The
// System below it serves the clients; it is never started or stopped.
type attached struct {
	sys *System
	run string
	// replication is that of the keyspace, in CQL.
	replication string
	// centres are the data centres of the nodes of --at.
	centres []string
	// mayExist says that the keyspace was made, or may have been.
	mayExist bool
}

var (
	_ targets.System      = (*attached)(nil)
	_ ability.DataCentred = (*attached)(nil)
)

// look connects to every node and finds what cluster it is. It makes nothing.
func (t attachedTarget) look(ctx context.Context, cfg targets.Config) (*attached, error) {
	set, err := t.settings(cfg)
	if err != nil {
		return nil, err
	}
	s := &System{
		set: set, keyspace: targets.OwnName(cfg.Run, 48), clock: newClock(),
		log: cfg.Log, progress: cfg.Progress, admins: make([]*conn, len(t.at)), at: t.at,
	}
	if s.accesses, err = t.accesses(cfg); err != nil {
		return nil, err
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.progress == nil {
		s.progress = func(string) {}
	}
	a := &attached{sys: s, run: cfg.Run, centres: make([]string, len(t.at))}
	if err := a.survey(ctx, cfg.Options["replication"]); err != nil {
		a.closeAdmins()
		return nil, err
	}
	return a, nil
}

// survey asks every node what it is, and the first one for all others.
func (a *attached) survey(ctx context.Context, replication string) error {
	ctx, cancel := context.WithTimeout(ctx, attachTimeout)
	defer cancel()
	names, ids := make([]string, len(a.sys.at)), make([]gocql.UUID, len(a.sys.at))
	group, groupCtx := errgroup.WithContext(ctx)
	for i, addr := range a.sys.at {
		group.Go(func() error {
			err := a.ask(groupCtx, i, func(ctx context.Context, n *conn) error {
				return n.query(ctx, "SELECT cluster_name, host_id, data_center, release_version FROM system.local").
					Scan(&names[i], &ids[i], &a.centres[i], versionOf(a.sys, i))
			})
			return explainLogin(addr, err)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i := range names {
		for j := range i {
			if names[i] != names[j] || ids[i] == ids[j] {
				return &cluster.EnvironmentError{
					Doing: "looking at the nodes of --at",
					Err:   fmt.Errorf("%s (cluster %q) and %s (cluster %q) are one node, or of two clusters", a.sys.at[j], names[j], a.sys.at[i], names[i]),
					Way:   "name each node of one cluster once",
				}
			}
		}
	}
	a.replication = replication
	if replication != "" {
		return nil
	}
	sizes := map[string]int{a.centres[0]: 1}
	err := a.ask(ctx, 0, func(ctx context.Context, n *conn) error {
		var dc string
		peers := n.query(ctx, "SELECT data_center FROM system.peers").Iter()
		for peers.Scan(&dc) {
			sizes[dc]++
		}
		return peers.Close()
	})
	if err != nil {
		return explainLogin(a.sys.at[0], err)
	}
	a.replication = "{'class': 'NetworkTopologyStrategy'"
	for _, dc := range sortedCentres(sizes) {
		if sizes[dc] < a.sys.set.rf {
			return &cluster.EnvironmentError{
				Doing: "looking at the cluster", Err: fmt.Errorf("the data centre %s has %d nodes, too few for a replication factor of %d", dc, sizes[dc], a.sys.set.rf),
				Way: fmt.Sprintf("use --set rf=%d, or name the replication with --set replication=...", sizes[dc]),
			}
		}
		a.replication += fmt.Sprintf(", '%s': %d", strings.ReplaceAll(dc, "'", "''"), a.sys.set.rf)
	}
	a.replication += "}"
	return nil
}

// versionOf is where the version of the first node goes; that of the others is not
// kept.
func versionOf(s *System, node int) *string {
	if node == 0 {
		return &s.version
	}
	return new(string)
}

// explainLogin says what to do about a node that does not let us in.
func explainLogin(addr string, err error) error {
	if err == nil {
		return nil
	}
	way := "see whether the address is right and the node is up"
	text := strings.ToLower(err.Error())
	switch {
	case strings.Contains(text, "authentication required"), strings.Contains(text, "authenticat"), strings.Contains(text, "username"), strings.Contains(text, "password"):
		way = fmt.Sprintf("set %s and %s (or %s)", envUser, envPassword, envPasswordFile)
	case strings.Contains(text, "certificate"), strings.Contains(text, "x509"):
		way = "name the certificates to trust with --set tls_ca=FILE, and the host as its certificate does"
	case strings.Contains(text, "tls"):
		way = "see --set tls=on and tls=off"
	}
	return &cluster.EnvironmentError{Doing: "looking at " + addr, Err: err, Way: way}
}

// ask runs f with a connection to a node that is kept.
func (a *attached) ask(ctx context.Context, node int, f func(context.Context, *conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, max(a.sys.set.opTimeout, askTimeout))
	defer cancel()
	return a.sys.admin(ctx, node, func(n *conn) error { return f(ctx, n) })
}

// askTimeout is for one question; a change of the schema takes seconds.
const askTimeout = 15 * time.Second

// askAny asks the nodes in turn until one answers.
func (a *attached) askAny(ctx context.Context, f func(context.Context, *conn) error) error {
	var errs []error
	for i := range a.sys.at {
		err := a.ask(ctx, i, f)
		var request gocql.RequestError
		if err == nil || errors.As(err, &request) {
			return err
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (a *attached) closeAdmins() {
	a.sys.adminMu.Lock()
	defer a.sys.adminMu.Unlock()
	for i, n := range a.sys.admins {
		if n != nil {
			_ = n.Close()
			a.sys.admins[i] = nil
		}
	}
}

// keyspaces are those with a name like ours, with what is written on their tables.
func (a *attached) keyspaces(ctx context.Context) (map[string]string, error) {
	found := map[string]string{}
	err := a.ask(ctx, 0, func(ctx context.Context, n *conn) error {
		var name, mark string
		all := n.query(ctx, "SELECT keyspace_name FROM system_schema.keyspaces").Iter()
		for all.Scan(&name) {
			if strings.HasPrefix(name, targets.OwnPrefix) {
				found[name] = ""
			}
		}
		if err := all.Close(); err != nil {
			return err
		}
		for name := range found {
			err := n.query(ctx, "SELECT comment FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?", name, dataTable).Scan(&mark)
			if err != nil && !errors.Is(err, gocql.ErrNotFound) {
				return err
			}
			found[name] = mark
			mark = ""
		}
		return nil
	})
	return found, err
}

func dropKeyspace(name string) string { return "DROP KEYSPACE " + name }

// leftovers are lines about keyspaces of other runs.
func (a *attached) leftovers(ctx context.Context) []string {
	found, err := a.keyspaces(ctx)
	if err != nil {
		return nil // only a hint
	}
	var out []string
	for name, mark := range found {
		if strings.HasPrefix(mark, targets.MarkPrefix) && name != a.sys.keyspace {
			out = append(out, targets.Leftover("the keyspace "+name, dropKeyspace(name)))
		}
	}
	return out
}

// Start implements targets.Target.
func (t attachedTarget) Start(ctx context.Context, c cluster.Cluster, cfg targets.Config) (targets.System, error) {
	a, err := t.look(ctx, cfg)
	if err != nil {
		return nil, err
	}
	a.sys.cluster, a.sys.nodes = c, c.Nodes()
	for _, line := range a.leftovers(ctx) {
		a.sys.progress(line)
	}
	if err := a.begin(ctx); err != nil {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		return nil, errors.Join(err, a.Stop(stop))
	}
	return a, nil
}

func (a *attached) begin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, schemaPatience)
	defer cancel()
	what := "the keyspace " + a.sys.keyspace
	found, err := a.keyspaces(ctx)
	if err != nil {
		return fmt.Errorf("looking for %s: %w", what, err)
	}
	if _, taken := found[a.sys.keyspace]; taken {
		return targets.Taken(what)
	}
	a.mayExist = true
	if err := a.makeSchema(ctx, what); err != nil {
		return err
	}
	if err := cluster.Await(ctx, "the nodes to agree on the schema", a.schemaAgreed); err != nil {
		return err
	}
	return a.proveReady(ctx)
}

func (a *attached) makeSchema(ctx context.Context, what string) error {
	table := fmt.Sprintf(" WITH comment = '%s'", targets.Mark(a.run))
	if a.sys.set.readRepair != "" {
		table += fmt.Sprintf(" AND read_repair = '%s'", a.sys.set.readRepair)
	}
	if a.sys.set.speculative != "" {
		table += fmt.Sprintf(" AND speculative_retry = '%s'", a.sys.set.speculative)
	}
	return a.ask(ctx, 0, func(ctx context.Context, n *conn) error {
		if err := n.query(ctx, "CREATE KEYSPACE "+a.sys.keyspace+" WITH replication = "+a.replication).Exec(); err != nil {
			return a.refusedKeyspace(what, err)
		}
		for _, statement := range []string{
			"CREATE TABLE " + a.sys.keyspace + "." + dataTable + dataColumns + table,
			"CREATE TABLE " + a.sys.keyspace + "." + counterTable + counterColumns + table,
		} {
			if err := n.query(ctx, statement).Exec(); err != nil {
				return &cluster.EnvironmentError{Doing: "making a table in " + what, Err: err}
			}
		}
		return nil
	})
}

// refusedKeyspace says why there is no keyspace, and whether there may be one all
// the same.
func (a *attached) refusedKeyspace(what string, err error) error {
	var request gocql.RequestError
	way := ""
	if errors.As(err, &request) {
		switch request.Code() {
		case gocql.ErrCodeAlreadyExists:
			a.mayExist = false
			return targets.Taken(what)
		case gocql.ErrCodeUnauthorized:
			a.mayExist = false
			way = "GRANT CREATE ON ALL KEYSPACES to the user; lapse makes one keyspace and uses no other"
		case gocql.ErrCodeInvalid, gocql.ErrCodeSyntax, gocql.ErrCodeConfig:
			a.mayExist = false
		}
	}
	return &cluster.EnvironmentError{Doing: "making " + what, Err: err, Way: way}
}

// schemaAgreed returns nil when all nodes of --at say that they have one schema.
func (a *attached) schemaAgreed(ctx context.Context) error {
	var first gocql.UUID
	for i := range a.sys.at {
		var version gocql.UUID
		err := a.ask(ctx, i, func(ctx context.Context, n *conn) error {
			return n.query(ctx, "SELECT schema_version FROM system.local").Scan(&version)
		})
		if err != nil {
			return err
		}
		if i == 0 {
			first = version
		}
		if version != first {
			return fmt.Errorf("%s has another schema than %s", a.sys.at[i], a.sys.at[0])
		}
	}
	return nil
}

// proveReady writes and reads through every node at the levels of the run.
func (a *attached) proveReady(ctx context.Context) error {
	for i, n := range a.sys.nodes {
		err := cluster.Await(ctx, n.Name()+" to write and read at the levels of the run", func(ctx context.Context) error {
			c, err := a.Open(ctx, targets.Session{Home: i})
			if err != nil {
				return err
			}
			defer func() { _ = c.Close() }()
			for _, f := range []history.Func{history.Write, history.Read} {
				opCtx, cancel := context.WithTimeout(ctx, a.sys.set.opTimeout)
				res := c.Do(opCtx, i, readyTxn(f, i))
				cancel()
				if res.Outcome != history.OK {
					return fmt.Errorf("%v: %w", f, res.Err)
				}
			}
			return nil
		})
		if err != nil {
			return &cluster.EnvironmentError{Doing: "writing and reading once", Err: err, Way: "see whether enough nodes are up for the levels"}
		}
	}
	return nil
}

// Open implements targets.System.
func (a *attached) Open(ctx context.Context, s targets.Session) (targets.Client, error) {
	return a.sys.Open(ctx, s)
}

// Restart implements targets.System: the operator's command starts the node.
func (a *attached) Restart(ctx context.Context, node string) error {
	n, err := a.sys.cluster.Node(node)
	if err != nil {
		return err
	}
	return n.Start(ctx, cluster.Command{})
}

// Ready implements targets.System: the node answers a read as a coordinator.
func (a *attached) Ready(ctx context.Context, node string) error {
	i, err := a.sys.index(node)
	if err != nil {
		return err
	}
	return a.ask(ctx, i, func(ctx context.Context, n *conn) error {
		return n.query(ctx, "SELECT v FROM "+a.sys.keyspace+"."+dataTable+" WHERE k = 'ready'").Consistency(gocql.One).Exec()
	})
}

// Version implements targets.System. Others say what Cassandra they are like.
func (a *attached) Version() string { return "CQL, release " + a.sys.version }

// DataCentres implements ability.DataCentred.
func (a *attached) DataCentres() map[string]string {
	out := map[string]string{}
	for i, n := range a.sys.nodes {
		out[n.Name()] = a.centres[i]
	}
	return out
}

// Stop implements targets.System: the keyspace is removed, if it is ours.
func (a *attached) Stop(ctx context.Context) error {
	defer a.closeAdmins()
	if !a.mayExist {
		return nil
	}
	err := cluster.Await(ctx, "the keyspace to be removed", func(ctx context.Context) error {
		return a.askAny(ctx, func(ctx context.Context, n *conn) error {
			return n.query(ctx, "DROP KEYSPACE IF EXISTS "+a.sys.keyspace).Exec()
		})
	})
	if err != nil {
		return targets.NotRemoved("the keyspace "+a.sys.keyspace, dropKeyspace(a.sys.keyspace), err)
	}
	a.mayExist = false
	return nil
}
