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

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/external"
	"github.com/lapse-test/lapse/targets/launch"
	"github.com/lapse-test/lapse/targets/wire"
)

// visit is an external cluster, in which the run has one schema. The System below it
// serves the clients; it is never started or stopped.
type visit struct {
	external.Stay
	external.Roles
	sys     *System
	at      []address
	version string
}

var (
	_ external.Driver   = (*visit)(nil)
	_ ability.Primarier = (*visit)(nil)
	_ targets.Observer  = (*visit)(nil)
)

// visitTimeout bounds one question to a node of an external cluster.
const visitTimeout = 5 * time.Second

func newVisit(stay external.Stay, at []address, cfg targets.Config) (external.Driver, error) {
	set, err := externalSettings(cfg)
	if err != nil {
		return nil, err
	}
	s := &System{Fleet: launch.New("PostgreSQL", logName, nil, cfg), set: set, schema: stay.Namespace.Name}
	if s.logins, err = logins(cfg, at); err != nil {
		return nil, err
	}
	v := &visit{Stay: stay, sys: s, at: at}
	v.Writes, v.Replica = v.takesWrites, "a standby"
	v.Changed = func(primary int) {
		s.everyPrimary.Store(primary == external.Every)
		s.primary.Store(int32(max(0, primary)))
	}
	return v, nil
}

// Meet implements external.Driver: whether a pooler stands before the node, and whether it takes writes.
func (v *visit) Meet(ctx context.Context, node int) (string, error) {
	pooled, err := v.seesPooler(ctx, node)
	if err != nil {
		return "", v.explain(node, err)
	}
	v.sys.logins[node].pooled = pooled
	writes, err := v.takesWrites(ctx, node)
	what := v.Met(node, writes)
	if err == nil && !pooled { // several poolers may stand before one server
		v.resemble(ctx, node, what)
	}
	return what, v.explain(node, err)
}

// resemble notes when the server was started, to the microsecond, and what it is. The system's
// identifier is the same at a primary and all its standbys, and there is no other. A server that does
// not tell, or not everybody, is no worse for it.
func (v *visit) resemble(ctx context.Context, node int, what string) {
	_ = v.ask(ctx, node, func(ctx context.Context, c *conn) error {
		var started time.Time
		err := c.pg.QueryRow(ctx, `SELECT pg_postmaster_start_time()`).Scan(&started)
		if err == nil {
			v.Resemble(node, what+", started at", started.UTC().Format("2006-01-02T15:04:05.000000Z"))
		}
		return err
	})
}

// Fit implements external.Driver.
func (v *visit) Fit(ctx context.Context) error {
	set := v.sys.set
	if err := v.Find(needsStandby(set.read)); err != nil {
		return err
	}
	if set.isolation == isolationSerializable && set.read != readPrimary && v.Index() != external.Every {
		return external.Unfit("use --read-level primary, or repeatable read",
			"PostgreSQL has no serializable transactions on a standby, which --read-level %s asks", set.read)
	}
	for i := range v.at {
		if err := v.keepsSettings(ctx, i); err != nil {
			return v.explain(i, err)
		}
	}
	return v.explain(v.Writer(), v.askPrimary(ctx, v.mayWrite))
}

// seesPooler looks for a pooler before a node.
func (v *visit) seesPooler(ctx context.Context, node int) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, visitTimeout)
	defer cancel()
	return seesPooler(ctx, v.sys.logins[node])
}

func (v *visit) explain(node int, err error) error { return explainLogin(v.at[node], err) }

// keepsSettings connects as the sessions will, and sees whether what they ask for is
// kept to: not by every pooler.
func (v *visit) keepsSettings(ctx context.Context, node int) error {
	who := v.sys.clientLogin(0, v.sys.set, node)
	dial := func(ctx context.Context) (*conn, error) { return v.sys.connect(ctx, node, who) }
	return wire.Ask(ctx, visitTimeout, dial, (*conn).close, func(ctx context.Context, c *conn) error { return c.keeps(ctx, who.params) })
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

// mayWrite asks for the version, whether the user may make a schema, and whether the
// write level means anything there.
func (v *visit) mayWrite(ctx context.Context, c *conn) error {
	if err := c.pg.QueryRow(ctx, `SELECT version()`).Scan(&v.version); err != nil {
		return err
	}
	v.version, _, _ = strings.Cut(v.version, " on ")
	v.version, _, _ = strings.Cut(v.version, " (")
	var user, database string
	var may bool
	err := c.pg.QueryRow(ctx, `SELECT current_user::text, current_database()::text, has_database_privilege(current_database(), 'CREATE')`).Scan(&user, &database, &may)
	if err != nil {
		return err
	}
	if err := readsAlone(ctx, c, user, database); err != nil {
		return err
	}
	if !may {
		return external.Unfit(fmt.Sprintf("GRANT CREATE ON DATABASE %q TO %q, or name another database (in the address, or PGDATABASE) or user (PGUSER)", database, user),
			"the user %s may not make a schema in the database %s, and lapse uses no other", user, database)
	}
	return v.checkLevel(ctx, c)
}

// readsAlone refuses a session whose transactions may write nothing unless they ask for it, which an address, the environment, the user, the database
// or the server may say. What speaks the protocol and knows no such setting lets them write.
func readsAlone(ctx context.Context, c *conn, user, database string) error {
	var value string
	err := c.pg.QueryRow(ctx, `SHOW default_transaction_read_only`).Scan(&value)
	var answer *pgconn.PgError
	switch {
	case errors.As(err, &answer) || err == nil && value != "on":
		return nil
	case err != nil:
		return err
	}
	return external.Unfit(fmt.Sprintf("take it out of options in the address or of PGOPTIONS, or of the user (ALTER ROLE %q RESET default_transaction_read_only), the database (ALTER DATABASE %q RESET default_transaction_read_only) or the server's configuration, wherever it is set", user, database),
		"transactions of %s in the database %s are read-only (default_transaction_read_only is on)", user, database)
}

// takesWrites asks a node. What has no such function has no standbys that replay.
func (v *visit) takesWrites(ctx context.Context, node int) (bool, error) {
	standby := false
	err := v.ask(ctx, node, func(ctx context.Context, c *conn) error {
		err := c.pg.QueryRow(ctx, `SELECT pg_is_in_recovery()`).Scan(&standby)
		if hasNone(err) {
			return nil
		}
		return err
	})
	return !standby, err
}

// adminParams are the settings of a connection that asks.
var adminParams = map[string]string{"application_name": "lapse-admin"}

// ask runs f with a connection of its own, whose writes wait for no standby.
func (v *visit) ask(ctx context.Context, node int, f func(context.Context, *conn) error) error {
	dial := func(ctx context.Context) (*conn, error) { return v.sys.logins[node].dial(ctx, adminParams, nil) }
	return wire.Ask(ctx, visitTimeout, dial, (*conn).close, f)
}

// askPrimary is ask for the node that takes writes now.
func (v *visit) askPrimary(ctx context.Context, f func(context.Context, *conn) error) error {
	return v.ask(ctx, v.Writer(), f)
}

const sqlSchemas = `SELECT nspname::text, COALESCE(obj_description(oid, 'pg_namespace'), '') FROM pg_catalog.pg_namespace WHERE nspname LIKE 'lapse\_%'`

// Marks implements external.Driver.
func (v *visit) Marks(ctx context.Context) (map[string]string, error) {
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
	return v.askPrimary(ctx, func(ctx context.Context, c *conn) error {
		// Not in one transaction: not everything that speaks the protocol has
		// those of schema changes.
		if err := execute(ctx, c.pg, "CREATE SCHEMA "+v.sys.schema); err != nil {
			return unmade(v.Namespace.String(), err)
		}
		if err := execute(ctx, c.pg, "COMMENT ON SCHEMA "+v.sys.schema+" IS '"+v.Mark()+"'"); err != nil {
			v.sys.Logger.Debug("marking the schema", "error", err)
		}
		for _, sql := range append([]string{"SET search_path TO " + v.sys.schema}, v.sys.set.dialect.schema()...) {
			if _, err := c.pg.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
				return fmt.Errorf("making tables in %s (%s): %w", v.Namespace, firstLine(sql), err)
			}
		}
		if err := v.sys.writeProbe(ctx); err != nil {
			return &cluster.EnvironmentError{Doing: "writing once", Err: err, Way: "see whether the standbys that the write level waits for are up"}
		}
		return nil
	})
}

// unmade is what an error of making the schema means: it is another's, nothing was made, or
// it may be there all the same, as after 40003 (statement_completion_unknown).
func unmade(what string, err error) error {
	const duplicateSchema = "42P06"
	return external.Unmade(saying(duplicateSchema, "")(err), errorTable.Undone(err), &cluster.EnvironmentError{Doing: "making " + what, Err: err})
}

// checkLevel says whether the write level means anything there.
func (v *visit) checkLevel(ctx context.Context, c *conn) error {
	level := v.sys.set.write
	if level == writeDefault || level == writeOff || level == writeLocal || level == writeOn {
		return nil
	}
	var names string
	err := c.pg.QueryRow(ctx, `SHOW synchronous_standby_names`).Scan(&names)
	if err == nil && strings.TrimSpace(names) == "" {
		return external.Unfit("use --write-level local, or have a synchronous standby set up",
			"--write-level %s: synchronous_standby_names is empty there, so that it would be the same as local", level)
	}
	return nil
}

// Serves implements external.Driver: the node shows the schema as sessions see it and, if
// it takes writes, writes to it.
func (v *visit) Serves(ctx context.Context, node int) error {
	once, cancel := context.WithTimeout(ctx, visitTimeout)
	defer cancel()
	if err := v.sys.showsProbe(once, node); err != nil || !v.TakesWrites(node) {
		return err
	}
	return v.ask(ctx, node, func(ctx context.Context, c *conn) error {
		return execute(ctx, c.pg, fmt.Sprintf(`INSERT INTO %s.probe AS p VALUES (%d, 1) ON CONFLICT (id) DO UPDATE SET value = p.value + 1`, v.sys.schema, node+1))
	})
}

// Drop implements external.Driver.
func (v *visit) Drop(ctx context.Context) error {
	return v.askPrimary(ctx, func(ctx context.Context, c *conn) error {
		// Neither a standby nor a session that hangs shall keep it.
		_ = execute(ctx, c.pg, `SET synchronous_commit TO local`) // not everybody has it
		return execute(ctx, c.pg, "DROP SCHEMA IF EXISTS "+v.sys.schema+" CASCADE")
	})
}

// Open implements targets.System.
func (v *visit) Open(ctx context.Context, s targets.Session) (targets.Client, error) {
	return v.sys.Open(ctx, s)
}

// Version implements targets.System.
func (v *visit) Version() string { return v.version }
