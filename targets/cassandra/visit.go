package cassandra

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gocql/gocql"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/external"
	"github.com/lapse-test/lapse/targets/launch"
	"github.com/lapse-test/lapse/targets/outcome"
)

// visit is an external cluster, in which the run has one keyspace. The System below
// it serves the clients; it is never started or stopped.
type visit struct {
	external.Stay
	sys *System
	// replication is that of the keyspace, in CQL.
	replication string
	// clusters are the names of the clusters that the nodes of --at are of, and centres their data
	// centres.
	clusters, centres []string
}

var (
	_ external.Driver     = (*visit)(nil)
	_ ability.DataCentred = (*visit)(nil)
)

func newVisit(stay external.Stay, cfg targets.Config) (external.Driver, error) {
	set, err := externalSettings(cfg)
	if err != nil {
		return nil, err
	}
	n := len(stay.At)
	v := &visit{
		Stay: stay, replication: cfg.Options["replication"], clusters: make([]string, n), centres: make([]string, n),
		sys: &System{
			Fleet: launch.New("Cassandra", logName, nil, cfg), set: set, keyspace: stay.Namespace.Name, clock: newClock(),
			admins: make([]*conn, n), accesses: stay.Accesses,
		},
	}
	v.Cures = cures
	return v, nil
}

// Meet implements external.Driver.
func (v *visit) Meet(ctx context.Context, i int) (string, error) {
	var version string
	var id gocql.UUID
	err := v.ask(ctx, i, func(ctx context.Context, n *conn) error {
		return n.query(ctx, "SELECT cluster_name, host_id, data_center, release_version FROM system.local").
			Scan(&v.clusters[i], &id, &v.centres[i], &version)
	})
	if err == nil {
		v.Identify(i, "host", id.String())
	}
	if i == 0 { // that of the others is not kept
		v.sys.version = version
	}
	return "is in " + v.centres[i], err
}

// Fit implements external.Driver.
func (v *visit) Fit(ctx context.Context) (err error) {
	for i, name := range v.clusters {
		if first := v.clusters[0]; name != first {
			return external.Unfit("name the nodes of one cluster", "%s (cluster %q) and %s (cluster %q) are of two clusters", v.At[0], first, v.At[i], name)
		}
	}
	if v.replication == "" {
		v.replication, err = v.byCentres(ctx)
	}
	return err
}

// byCentres is the replication with as many replicas in each data centre as the option says.
func (v *visit) byCentres(ctx context.Context) (string, error) {
	sizes := map[string]int{v.centres[0]: 1}
	err := v.ask(ctx, 0, func(ctx context.Context, n *conn) error {
		var dc string
		peers := n.query(ctx, "SELECT data_center FROM system.peers").Iter()
		for peers.Scan(&dc) {
			sizes[dc]++
		}
		return peers.Close()
	})
	if err != nil {
		return "", v.Explain(0, err)
	}
	rf, out := v.sys.set.rf, "{'class': 'NetworkTopologyStrategy'"
	for _, dc := range slices.Sorted(maps.Keys(sizes)) {
		if sizes[dc] < rf {
			return "", external.Unfit(fmt.Sprintf("use --set rf=%d, or name the replication with --set replication=...", sizes[dc]),
				"the data centre %s has %d nodes, too few for a replication factor of %d", dc, sizes[dc], rf)
		}
		out += fmt.Sprintf(", '%s': %d", strings.ReplaceAll(dc, "'", "''"), rf)
	}
	return out + "}", nil
}

// cures are for who may not make a keyspace, and for a node that does not let us in: gocql's errors of that have no types.
var cures = external.Cures{
	{
		Match: outcome.As(func(e gocql.RequestError) bool { return e.Code() == gocql.ErrCodeUnauthorized }),
		Way:   "GRANT CREATE ON ALL KEYSPACES to the user; lapse makes one keyspace and uses no other",
	},
	{Match: outcome.Says("authenticat", "username", "password"), Way: fmt.Sprintf("set %s and %s (or %s)", login.User, login.Password, login.PasswordFile)},
	{Match: outcome.Says("certificate", "x509"), Way: "name the certificates to trust with --set tls_ca=FILE, and the host as its certificate does"},
	{Match: outcome.Says("tls"), Way: "see --set tls=on and tls=off"},
}

// ask runs f with a connection to a node that is kept.
func (v *visit) ask(ctx context.Context, node int, f func(context.Context, *conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, max(v.sys.set.opTimeout, askTimeout))
	defer cancel()
	return v.sys.admin(ctx, node, func(n *conn) error { return f(ctx, n) })
}

// askTimeout is for one question; a change of the schema takes seconds.
const askTimeout = 15 * time.Second

// Close implements external.Driver.
func (v *visit) Close() error {
	v.sys.closeAdmins()
	return nil
}

// Marks implements external.Driver: what is written on their tables.
func (v *visit) Marks(ctx context.Context) (map[string]string, error) {
	found := map[string]string{}
	err := v.ask(ctx, 0, func(ctx context.Context, n *conn) error {
		var name, mark string
		all := n.query(ctx, "SELECT keyspace_name FROM system_schema.keyspaces").Iter()
		for all.Scan(&name) {
			if external.IsOwnName(name) {
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

// taken matches the answer that there is such a keyspace already.
var taken = outcome.As(func(e gocql.RequestError) bool { return e.Code() == gocql.ErrCodeAlreadyExists })

// Make implements external.Driver.
func (v *visit) Make(ctx context.Context) error {
	what := v.Namespace.String()
	table := fmt.Sprintf(" WITH comment = '%s'", v.Mark())
	if v.sys.set.readRepair != "" {
		table += fmt.Sprintf(" AND read_repair = '%s'", v.sys.set.readRepair)
	}
	if v.sys.set.speculative != "" {
		table += fmt.Sprintf(" AND speculative_retry = '%s'", v.sys.set.speculative)
	}
	err := v.ask(ctx, 0, func(ctx context.Context, n *conn) error {
		if err := n.query(ctx, "CREATE KEYSPACE "+v.sys.keyspace+" WITH replication = "+v.replication).Exec(); err != nil {
			return external.Unmade(taken(err), refused(err), v.Cures.Explain("making "+what, err))
		}
		for _, statement := range []string{
			"CREATE TABLE " + v.sys.keyspace + "." + dataTable + dataColumns + table,
			"CREATE TABLE " + v.sys.keyspace + "." + counterTable + counterColumns + table,
		} {
			if err := n.query(ctx, statement).Exec(); err != nil {
				return &cluster.EnvironmentError{Doing: "making a table in " + what, Err: err}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := cluster.Await(ctx, "the nodes to agree on the schema", v.schemaAgreed); err != nil {
		return err
	}
	for i, addr := range v.At {
		err := cluster.Await(ctx, addr+" to write and read at the levels of the run", func(ctx context.Context) error { return v.atLevels(ctx, i) })
		if err != nil {
			return &cluster.EnvironmentError{Doing: "writing and reading once", Err: err, Way: "see whether enough nodes are up for the levels"}
		}
	}
	return nil
}

// schemaAgreed returns nil when all nodes of --at say that they have one schema.
func (v *visit) schemaAgreed(ctx context.Context) error {
	var first gocql.UUID
	for i := range v.At {
		var version gocql.UUID
		err := v.ask(ctx, i, func(ctx context.Context, n *conn) error {
			return n.query(ctx, "SELECT schema_version FROM system.local").Scan(&version)
		})
		if err != nil {
			return err
		}
		if i == 0 {
			first = version
		}
		if version != first {
			return fmt.Errorf("%s has another schema than %s", v.At[i], v.At[0])
		}
	}
	return nil
}

// Serves implements external.Driver: the node answers a read as a coordinator.
func (v *visit) Serves(ctx context.Context, node int) error {
	return v.ask(ctx, node, func(ctx context.Context, n *conn) error { return v.sys.coordinates(ctx, n) })
}

// atLevels writes and reads through a node.
func (v *visit) atLevels(ctx context.Context, node int) error {
	c, err := v.Open(ctx, targets.Session{Home: node})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	key := history.Key(readyKeys + node)
	for _, m := range []history.Mop{{Func: history.Write, Key: key, Arg: 1}, {Func: history.Read, Key: key}} {
		txn := &history.Txn{}
		txn.Reset()
		txn.Mops = append(txn.Mops, m)
		once, cancel := context.WithTimeout(ctx, v.sys.set.opTimeout)
		res := c.Do(once, node, txn)
		cancel()
		if res.Outcome != history.OK {
			return fmt.Errorf("%v: %w", m.Func, res.Err)
		}
	}
	return nil
}

// readyKeys is beyond the keys of any workload.
const readyKeys = 1 << 30

// Drop implements external.Driver.
func (v *visit) Drop(ctx context.Context) error {
	return v.InTurn(func(node int) error {
		return v.ask(ctx, node, func(ctx context.Context, n *conn) error {
			return n.query(ctx, "DROP KEYSPACE IF EXISTS "+v.sys.keyspace).Exec()
		})
	}, outcome.As(func(gocql.RequestError) bool { return true }))
}

// Open implements targets.System.
func (v *visit) Open(ctx context.Context, s targets.Session) (targets.Client, error) {
	return v.sys.Open(ctx, s)
}

// Version implements targets.System. Others say what Cassandra they are like.
func (v *visit) Version() string { return "CQL, release " + v.sys.version }

// DataCentres implements ability.DataCentred.
func (v *visit) DataCentres() map[string]string {
	out := map[string]string{}
	for i, n := range cluster.NodeNames(len(v.At)) {
		out[n] = v.centres[i]
	}
	return out
}
