package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

// attached is a PostgreSQL that somebody else runs. It has one schema there. The
// System below it serves the clients; it is never started or stopped.
type attached struct {
	sys     *System
	run     string
	version string
	// mayExist says that the schema was made, or may have been.
	mayExist bool
	// stop ends what watches the roles.
	stop func()
}

var (
	_ targets.System    = (*attached)(nil)
	_ ability.Primarier = (*attached)(nil)
	_ targets.Observer  = (*attached)(nil)
)

const (
	// askAttached bounds one question to a node that somebody else runs.
	askAttached = 5 * time.Second
	// attachTimeout is for looking at all nodes.
	attachTimeout = time.Minute
	// standbyPatience is how far a standby may be behind to be tested at all, and
	// writerPatience how long a write of one node may take to be seen at another.
	standbyPatience = time.Minute
	writerPatience  = 15 * time.Second
)

// Fetch implements targets.Fetcher: it looks, and makes nothing.
func (t attachedTarget) Fetch(ctx context.Context, cfg targets.Config) error {
	_, err := t.look(ctx, cfg)
	return err
}

// Present implements targets.Fetcher.
func (t attachedTarget) Present(ctx context.Context, cfg targets.Config) (string, error) {
	s, err := t.look(ctx, cfg)
	if err != nil {
		return "", err
	}
	text := s.version
	for i, n := range cluster.NodeNames(len(t.at)) {
		role := "a standby"
		if s.sys.everyPrimary.Load() || i == s.sys.primaryIndex() {
			role = "takes writes"
		}
		text += fmt.Sprintf("; %s (%s) %s", n, t.at[i].hostPort(), role)
	}
	for _, line := range s.leftovers(ctx) {
		text += "; " + line
	}
	return text, nil
}

// look logs in to every node, finds which of them take writes, and whether the user
// may make a schema.
func (t attachedTarget) look(ctx context.Context, cfg targets.Config) (*attached, error) {
	cfg, set, err := t.settings(cfg)
	if err != nil {
		return nil, err
	}
	s := &System{set: set, schema: targets.OwnName(cfg.Run, 63), log: logger(cfg), progress: cfg.Progress}
	if s.logins, err = t.logins(cfg); err != nil {
		return nil, err
	}
	if s.progress == nil {
		s.progress = func(string) {}
	}
	a := &attached{sys: s, run: cfg.Run, stop: func() {}}
	ctx, cancel := context.WithTimeout(ctx, attachTimeout)
	defer cancel()
	standbys := make([]bool, len(t.at))
	group, groupCtx := errgroup.WithContext(ctx)
	for i, at := range t.at {
		group.Go(func() (err error) {
			standbys[i], err = a.isStandby(groupCtx, i)
			return explainLogin(at, err)
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if err := a.assignRoles(standbys); err != nil {
		return nil, err
	}
	return a, a.ask(ctx, s.primaryIndex(), func(ctx context.Context, c *conn) error {
		if err := c.pg.QueryRow(ctx, `SELECT version()`).Scan(&a.version); err != nil {
			return err
		}
		a.version, _, _ = strings.Cut(a.version, " on ")
		a.version, _, _ = strings.Cut(a.version, " (")
		var user, database string
		var may bool
		err := c.pg.QueryRow(ctx, `SELECT current_user::text, current_database()::text, has_database_privilege(current_database(), 'CREATE')`).Scan(&user, &database, &may)
		if err == nil && !may {
			err = &cluster.EnvironmentError{
				Doing: "looking at the database " + database, Err: fmt.Errorf("the user %s may not make a schema in it, and lapse uses no other", user),
				Way: fmt.Sprintf("GRANT CREATE ON DATABASE %q TO %q, or name another database", database, user),
			}
		}
		return err
	})
}

// isStandby asks a node. What has no such function has no standbys that replay.
func (a *attached) isStandby(ctx context.Context, node int) (standby bool, err error) {
	err = a.ask(ctx, node, func(ctx context.Context, c *conn) error {
		err := c.pg.QueryRow(ctx, `SELECT pg_is_in_recovery()`).Scan(&standby)
		var pg *pgconn.PgError
		if errors.As(err, &pg) && (pg.Code == "42883" || class(pg.Code) == "0A") {
			return nil
		}
		return err
	})
	return standby, err
}

// assignRoles finds the primary, or that every node is one.
func (a *attached) assignRoles(standbys []bool) error {
	var writers []int
	for i, standby := range standbys {
		if !standby {
			writers = append(writers, i)
		}
	}
	names := cluster.NodeNames(len(standbys))
	wrong := func(err error, way string) error {
		return &cluster.EnvironmentError{Doing: "looking for the node that takes the writes", Err: err, Way: way}
	}
	switch {
	case len(writers) == 0:
		return wrong(errors.New("all nodes of --at are standbys"), "name the primary as well")
	case len(writers) == len(standbys) && len(standbys) > 1:
		a.sys.everyPrimary.Store(true)
	case len(writers) > 1:
		return wrong(fmt.Errorf("both %s and %s do, and others are standbys: these are the nodes of several clusters", names[writers[0]], names[writers[1]]), "name the nodes of one")
	}
	if a.sys.everyPrimary.Load() && needsStandby(a.sys.set.read) {
		return wrong(fmt.Errorf("all nodes take writes, so that there is no standby to read from at %s", a.sys.set.read), "use --read-level any")
	}
	if a.sys.set.isolation == "serializable" && a.sys.set.read != readPrimary && !a.sys.everyPrimary.Load() {
		return wrong(fmt.Errorf("PostgreSQL has no serializable transactions on a standby, which --read-level %s asks", a.sys.set.read), "use --read-level primary, or repeatable read")
	}
	a.sys.primary.Store(int32(writers[0]))
	return nil
}

// explainLogin says what to do about a node that does not let us in.
func explainLogin(at address, err error) error {
	if err == nil {
		return nil
	}
	way := "see whether the address is right and the database is up"
	var pg *pgconn.PgError
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var verification *tls.CertificateVerificationError
	switch {
	case errors.As(err, &pg) && class(pg.Code) == "28":
		way = "set PGUSER and PGPASSWORD, or PGPASSFILE, or name the user in the address (postgres://user@host:port/database)"
		// The server's words, without ours around them.
		err = errors.New(firstLine(pg.Message))
	case errors.As(err, &pg) && pg.Code == "3D000":
		way = "name the database in the address (postgres://user@host:port/database) or in PGDATABASE"
		err = errors.New(firstLine(pg.Message))
	case errors.As(err, &authority), errors.As(err, &name), errors.As(err, &invalid), errors.As(err, &verification):
		way = "name the certificates to trust with --set tls_ca=FILE, and the host as its certificate does"
	case strings.Contains(err.Error(), "server refused TLS connection"):
		way = "it does not encrypt: use --set tls=off if that is all right"
	case strings.Contains(err.Error(), "no encryption"):
		way = "it wants encryption: use --set tls=on"
	}
	return &cluster.EnvironmentError{Doing: "connecting to " + at.hostPort(), Err: err, Way: way}
}

// ask runs f with a connection of its own, whose writes wait for no standby.
func (a *attached) ask(ctx context.Context, node int, f func(context.Context, *conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, askAttached)
	defer cancel()
	c, err := a.sys.logins[node].dial(ctx, map[string]string{"application_name": "lapse-admin"})
	if err != nil {
		return err
	}
	defer c.close()
	return f(ctx, c)
}

// askPrimary is ask for the node that takes writes now.
func (a *attached) askPrimary(ctx context.Context, f func(context.Context, *conn) error) error {
	return a.ask(ctx, a.sys.primaryIndex(), f)
}

const sqlSchemas = `SELECT nspname::text, COALESCE(obj_description(oid, 'pg_namespace'), '') FROM pg_catalog.pg_namespace WHERE nspname LIKE 'lapse\_%'`

// schemas are those that have a name like ours, with what is written on them.
func (a *attached) schemas(ctx context.Context) (map[string]string, error) {
	found := map[string]string{}
	err := a.askPrimary(ctx, func(ctx context.Context, c *conn) error {
		rows, err := c.pg.Query(ctx, sqlSchemas)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var name, mark string
			if err := rows.Scan(&name, &mark); err != nil {
				return err
			}
			found[name] = mark
		}
		return rows.Err()
	})
	return found, err
}

func dropSchema(name string) string { return "DROP SCHEMA " + name + " CASCADE" }

// leftovers are lines about schemas of other runs.
func (a *attached) leftovers(ctx context.Context) []string {
	found, err := a.schemas(ctx)
	if err != nil {
		return nil // only a hint
	}
	var out []string
	for name, mark := range found {
		if strings.HasPrefix(mark, targets.MarkPrefix) && name != a.sys.schema {
			out = append(out, targets.Leftover("the schema "+name, dropSchema(name)))
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
	a.watch()
	return a, nil
}

func (a *attached) begin(ctx context.Context) error {
	what := "the schema " + a.sys.schema
	found, err := a.schemas(ctx)
	if err != nil {
		return fmt.Errorf("looking for %s: %w", what, err)
	}
	if _, taken := found[a.sys.schema]; taken {
		return targets.Taken(what)
	}
	a.mayExist = true
	err = a.askPrimary(ctx, func(ctx context.Context, c *conn) error {
		// Not in one transaction: not everything that speaks the protocol has
		// those of schema changes.
		if err := execute(ctx, c.pg, "CREATE SCHEMA "+a.sys.schema); err != nil {
			var pg *pgconn.PgError
			if errors.As(err, &pg) {
				a.mayExist = false // it was refused
				if pg.Code == "42P06" {
					return targets.Taken(what)
				}
			}
			return &cluster.EnvironmentError{Doing: "making " + what, Err: err}
		}
		if err := execute(ctx, c.pg, "COMMENT ON SCHEMA "+a.sys.schema+" IS '"+targets.Mark(a.run)+"'"); err != nil {
			a.sys.log.Debug("marking the schema", "error", err)
		}
		_, err := c.pg.PgConn().Exec(ctx, "SET search_path TO "+a.sys.schema+";"+tables).ReadAll()
		if err != nil {
			return fmt.Errorf("making tables in %s: %w", what, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := a.checkLevel(ctx); err != nil {
		return err
	}
	patience := standbyPatience
	if a.sys.everyPrimary.Load() {
		patience = writerPatience
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := a.sys.makeProbe(ctx); err != nil {
		return &cluster.EnvironmentError{Doing: "writing by one node and reading by every other", Err: err, Way: "see whether all addresses of --at are nodes of one cluster, and no standby is behind for long"}
	}
	return nil
}

// checkLevel writes once at the write level, and sees whether it means anything.
func (a *attached) checkLevel(ctx context.Context) error {
	level := a.sys.set.write
	if level == writeDefault || level == writeOff || level == writeLocal || level == writeOn {
		return nil
	}
	var names string
	err := a.askPrimary(ctx, func(ctx context.Context, c *conn) error {
		return c.pg.QueryRow(ctx, `SHOW synchronous_standby_names`).Scan(&names)
	})
	if err == nil && strings.TrimSpace(names) == "" {
		return &cluster.EnvironmentError{
			Doing: "writing at level " + level, Err: errors.New("synchronous_standby_names is empty there, so that it would be the same as local"),
			Way: "use --write-level local, or have a synchronous standby set up",
		}
	}
	return nil
}

// watch follows changes of the primary until stop is called.
func (a *attached) watch() {
	// Each look is a login, which costs the server something.
	const every = time.Second
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				a.follow(ctx)
			}
		}
	})
	a.stop = func() { cancel(); done.Wait() }
}

// follow looks for another primary when the present one is none any more.
func (a *attached) follow(ctx context.Context) {
	if a.sys.everyPrimary.Load() || len(a.sys.nodes) == 1 {
		return
	}
	was := a.sys.primaryIndex()
	if standby, err := a.isStandby(ctx, was); err == nil && !standby {
		return
	}
	for i := range a.sys.nodes {
		if i == was {
			continue
		}
		if standby, err := a.isStandby(ctx, i); err == nil && !standby {
			a.sys.primary.Store(int32(i))
			a.sys.tell("failover", "%s takes the writes now, as it was found; before it was %s", a.sys.nodes[i].Name(), a.sys.nodes[was].Name())
			return
		}
	}
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

// Ready implements targets.System: the node shows the schema and, if it takes
// writes, writes to it.
func (a *attached) Ready(ctx context.Context, node string) error {
	i, err := a.sys.index(node)
	if err != nil {
		return err
	}
	return a.ask(ctx, i, func(ctx context.Context, c *conn) error {
		if i == a.sys.primaryIndex() || a.sys.everyPrimary.Load() {
			return execute(ctx, c.pg, `INSERT INTO `+a.sys.schema+`.probe AS p VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET value = p.value + 1`)
		}
		var n int64
		return c.pg.QueryRow(ctx, `SELECT value FROM `+a.sys.schema+`.probe WHERE id = 0`).Scan(&n)
	})
}

// Version implements targets.System.
func (a *attached) Version() string { return a.version }

// Primary implements ability.Primarier.
func (a *attached) Primary(ctx context.Context) (string, error) {
	if a.sys.everyPrimary.Load() {
		return "", errors.New("every node takes writes")
	}
	return a.sys.Primary(ctx)
}

// Observe implements targets.Observer.
func (a *attached) Observe(f func(kind, text string)) { a.sys.Observe(f) }

// Stop implements targets.System: the schema is removed, if it is ours.
func (a *attached) Stop(ctx context.Context) error {
	a.stop()
	if !a.mayExist {
		return nil
	}
	err := cluster.Await(ctx, "the schema to be removed", func(ctx context.Context) error {
		return a.askPrimary(ctx, func(ctx context.Context, c *conn) error {
			// Neither a standby nor a session that hangs shall keep it.
			_ = execute(ctx, c.pg, `SET synchronous_commit TO local`) // not everybody has it
			return execute(ctx, c.pg, "DROP SCHEMA IF EXISTS "+a.sys.schema+" CASCADE")
		})
	})
	if err != nil {
		return targets.NotRemoved("the schema "+a.sys.schema, dropSchema(a.sys.schema), err)
	}
	a.mayExist = false
	return nil
}
