package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/external"
	"github.com/lapse-test/lapse/targets/launch"
)

// visit is an external cluster, in which the run has one schema. The System below it
// serves the clients; it is never started or stopped.
type visit struct {
	external.Stay
	sys     *System
	at      []address
	run     string
	version string
	// unwatch ends what watches the roles.
	unwatch func()
}

var (
	_ external.Driver   = (*visit)(nil)
	_ ability.Primarier = (*visit)(nil)
	_ targets.Observer  = (*visit)(nil)
)

const (
	// visitTimeout bounds one question to a node of an external cluster.
	visitTimeout = 5 * time.Second
	// standbyPatience is how far a standby may be behind to be tested at all, and
	// writerPatience how long a write of one node may take to be seen at another.
	standbyPatience = time.Minute
	writerPatience  = 15 * time.Second
)

// look logs in to every node, finds which of them take writes, and whether the user
// may make a schema.
func look(ctx context.Context, at []address, cfg targets.Config) (*visit, error) {
	set, err := externalSettings(cfg)
	if err != nil {
		return nil, err
	}
	s := &System{Fleet: launch.New("PostgreSQL", logName, nil, cfg), set: set, schema: external.OwnName(cfg.Run, 63)}
	if s.logins, err = logins(cfg, at); err != nil {
		return nil, err
	}
	v := &visit{sys: s, at: at, run: cfg.Run, unwatch: func() {}}
	standbys := make([]bool, len(at))
	group, groupCtx := errgroup.WithContext(ctx)
	for i, a := range at {
		group.Go(func() (err error) {
			if s.logins[i].pooled, err = v.seesPooler(groupCtx, i); err == nil {
				standbys[i], err = v.isStandby(groupCtx, i)
			}
			if err == nil {
				err = v.keepsSettings(groupCtx, i)
			}
			return explainLogin(a, err)
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if err := v.assignRoles(standbys); err != nil {
		return nil, err
	}
	if err := v.askPrimary(ctx, v.mayWrite); err != nil {
		return nil, explainLogin(at[s.primaryIndex()], err)
	}
	return v, nil
}

// seesPooler looks for a pooler before a node.
func (v *visit) seesPooler(ctx context.Context, node int) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, visitTimeout)
	defer cancel()
	return seesPooler(ctx, v.sys.logins[node])
}

// keepsSettings connects as the sessions will, and sees whether what they ask for is
// kept to: not by every pooler.
func (v *visit) keepsSettings(ctx context.Context, node int) error {
	ctx, cancel := context.WithTimeout(ctx, visitTimeout)
	defer cancel()
	who := v.sys.clientLogin(0, v.sys.set, node)
	c, err := v.sys.connect(ctx, node, who)
	if err != nil {
		return err
	}
	defer c.close()
	return c.keeps(ctx, who.params)
}

// keeps sees whether a session has these settings, each time it is asked.
func (c *conn) keeps(ctx context.Context, params map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(params)) {
		for range 2 { // the second time by a statement that was prepared
			var value string
			if err := c.pg.QueryRow(ctx, "SHOW "+name).Scan(&value); err != nil {
				return err
			}
			// Some show a name in quotes, or with more behind it.
			if !strings.Contains(value, params[name]) {
				return fmt.Errorf("%w: %s is %q there, not %q", errIgnored, name, value, params[name])
			}
		}
	}
	return nil
}

// mayWrite asks for the version, and whether the user may make a schema.
func (v *visit) mayWrite(ctx context.Context, c *conn) error {
	if err := c.pg.QueryRow(ctx, `SELECT version()`).Scan(&v.version); err != nil {
		return err
	}
	v.version, _, _ = strings.Cut(v.version, " on ")
	v.version, _, _ = strings.Cut(v.version, " (")
	var user, database string
	var may bool
	err := c.pg.QueryRow(ctx, `SELECT current_user::text, current_database()::text, has_database_privilege(current_database(), 'CREATE')`).Scan(&user, &database, &may)
	if err == nil && !may {
		err = &cluster.EnvironmentError{
			Doing: "looking at the database " + database, Err: fmt.Errorf("the user %s may not make a schema in it, and lapse uses no other", user),
			Way: fmt.Sprintf("GRANT CREATE ON DATABASE %q TO %q, or name another database (in the address, or PGDATABASE) or user (PGUSER)", database, user),
		}
	}
	return err
}

// isStandby asks a node. What has no such function has no standbys that replay.
func (v *visit) isStandby(ctx context.Context, node int) (standby bool, err error) {
	err = v.ask(ctx, node, func(ctx context.Context, c *conn) error {
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
func (v *visit) assignRoles(standbys []bool) error {
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
		v.sys.everyPrimary.Store(true)
	case len(writers) > 1:
		return wrong(fmt.Errorf("both %s and %s do, and others are standbys: these are the nodes of several clusters", names[writers[0]], names[writers[1]]), "name the nodes of one")
	}
	if v.sys.everyPrimary.Load() && needsStandby(v.sys.set.read) {
		return wrong(fmt.Errorf("all nodes take writes, so that there is no standby to read from at %s", v.sys.set.read), "use --read-level any")
	}
	if v.sys.set.isolation == "serializable" && v.sys.set.read != readPrimary && !v.sys.everyPrimary.Load() {
		return wrong(fmt.Errorf("PostgreSQL has no serializable transactions on a standby, which --read-level %s asks", v.sys.set.read), "use --read-level primary, or repeatable read")
	}
	v.sys.primary.Store(int32(writers[0]))
	return nil
}

// adminParams are the settings of a connection that asks.
var adminParams = map[string]string{"application_name": "lapse-admin"}

// ask runs f with a connection of its own, whose writes wait for no standby.
func (v *visit) ask(ctx context.Context, node int, f func(context.Context, *conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, visitTimeout)
	defer cancel()
	c, err := v.sys.logins[node].dial(ctx, adminParams)
	if err != nil {
		return err
	}
	defer c.close()
	return f(ctx, c)
}

// askPrimary is ask for the node that takes writes now.
func (v *visit) askPrimary(ctx context.Context, f func(context.Context, *conn) error) error {
	return v.ask(ctx, v.sys.primaryIndex(), f)
}

// Describe implements external.Driver.
func (v *visit) Describe() []string {
	var lines []string
	for i, n := range cluster.NodeNames(len(v.at)) {
		role := "a standby"
		if v.sys.everyPrimary.Load() || i == v.sys.primaryIndex() {
			role = "takes writes"
		}
		lines = append(lines, fmt.Sprintf("%s (%s) %s", n, v.at[i].hostPort(), role))
	}
	return lines
}

// Own implements external.Driver.
func (v *visit) Own() string { return v.sys.schema }

// Place implements external.Driver.
func (v *visit) Place(name string) (what, remove string) {
	return "the schema " + name, "DROP SCHEMA " + name + " CASCADE"
}

// Taken implements external.Driver.
func (v *visit) Taken(ctx context.Context) (bool, error) {
	found, err := v.schemas(ctx)
	_, taken := found[v.sys.schema]
	return taken, err
}

// Leftovers implements external.Driver.
func (v *visit) Leftovers(ctx context.Context) []string {
	found, err := v.schemas(ctx)
	if err != nil {
		return nil
	}
	return external.Marked(found, v.sys.schema)
}

const sqlSchemas = `SELECT nspname::text, COALESCE(obj_description(oid, 'pg_namespace'), '') FROM pg_catalog.pg_namespace WHERE nspname LIKE 'lapse\_%'`

// schemas are those that have a name like ours, with what is written on them.
func (v *visit) schemas(ctx context.Context) (map[string]string, error) {
	found := map[string]string{}
	err := v.askPrimary(ctx, func(ctx context.Context, c *conn) error {
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

// Make implements external.Driver.
func (v *visit) Make(ctx context.Context) error {
	v.sys.Cluster, v.sys.Nodes = v.Cluster(), v.Cluster().Nodes()
	what, _ := v.Place(v.sys.schema)
	return v.askPrimary(ctx, func(ctx context.Context, c *conn) error {
		// Not in one transaction: not everything that speaks the protocol has
		// those of schema changes.
		if err := execute(ctx, c.pg, "CREATE SCHEMA "+v.sys.schema); err != nil {
			var pg *pgconn.PgError
			refused := errors.As(err, &pg)
			if refused && pg.Code == "42P06" {
				return external.ErrTaken
			}
			err = &cluster.EnvironmentError{Doing: "making " + what, Err: err}
			if refused {
				return external.Refused(err)
			}
			return err
		}
		if err := execute(ctx, c.pg, "COMMENT ON SCHEMA "+v.sys.schema+" IS '"+external.Mark(v.run)+"'"); err != nil {
			v.sys.Logger.Debug("marking the schema", "error", err)
		}
		for _, sql := range append([]string{"SET search_path TO " + v.sys.schema}, v.sys.set.dialect.schema()...) {
			if _, err := c.pg.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
				return fmt.Errorf("making tables in %s (%s): %w", what, firstLine(sql), err)
			}
		}
		return nil
	})
}

// Prove implements external.Driver.
func (v *visit) Prove(ctx context.Context) error {
	if err := v.checkLevel(ctx); err != nil {
		return err
	}
	patience := standbyPatience
	if v.sys.everyPrimary.Load() {
		patience = writerPatience
	}
	proof, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := v.sys.makeProbe(proof); err != nil {
		return &cluster.EnvironmentError{Doing: "writing by one node and reading by every other", Err: err, Way: "see whether all addresses of --at are nodes of one cluster, and no standby is behind for long"}
	}
	v.watch()
	return nil
}

// checkLevel writes once at the write level, and sees whether it means anything.
func (v *visit) checkLevel(ctx context.Context) error {
	level := v.sys.set.write
	if level == writeDefault || level == writeOff || level == writeLocal || level == writeOn {
		return nil
	}
	var names string
	err := v.askPrimary(ctx, func(ctx context.Context, c *conn) error {
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

// Open implements targets.System.
func (v *visit) Open(ctx context.Context, s targets.Session) (targets.Client, error) {
	return v.sys.Open(ctx, s)
}

// Ready implements targets.System: the node shows the schema and, if it takes
// writes, writes to it.
func (v *visit) Ready(ctx context.Context, node string) error {
	i, err := v.Node(node)
	if err != nil {
		return err
	}
	return v.ask(ctx, i, func(ctx context.Context, c *conn) error {
		if i == v.sys.primaryIndex() || v.sys.everyPrimary.Load() {
			return execute(ctx, c.pg, `INSERT INTO `+v.sys.schema+`.probe AS p VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET value = p.value + 1`)
		}
		var n int64
		return c.pg.QueryRow(ctx, `SELECT value FROM `+v.sys.schema+`.probe WHERE id = 0`).Scan(&n)
	})
}

// Version implements targets.System.
func (v *visit) Version() string { return v.version }

// Primary implements ability.Primarier.
func (v *visit) Primary(ctx context.Context) (string, error) {
	if v.sys.everyPrimary.Load() {
		return "", errors.New("every node takes writes")
	}
	return v.sys.Primary(ctx)
}

// Observe implements targets.Observer.
func (v *visit) Observe(f func(kind, text string)) { v.sys.Observe(f) }

// Drop implements external.Driver.
func (v *visit) Drop(ctx context.Context) error {
	return v.askPrimary(ctx, func(ctx context.Context, c *conn) error {
		// Neither a standby nor a session that hangs shall keep it.
		_ = execute(ctx, c.pg, `SET synchronous_commit TO local`) // not everybody has it
		return execute(ctx, c.pg, "DROP SCHEMA IF EXISTS "+v.sys.schema+" CASCADE")
	})
}

// Close implements external.Driver.
func (v *visit) Close() error {
	v.unwatch()
	return nil
}
