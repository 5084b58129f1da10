package mysql

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/external"
	"github.com/lapse-test/lapse/targets/wire"
)

// visit is an external cluster, in which the run has one database.
type visit struct {
	external.Stay
	external.Roles
	set     settings
	logins  []login
	version string
}

var (
	_ external.Driver   = (*visit)(nil)
	_ ability.Primarier = (*visit)(nil)
	_ targets.Observer  = (*visit)(nil)
	_ backend           = (*visit)(nil)
)

// visitTimeout bounds one question to a node.
const visitTimeout = 5 * time.Second

func newVisit(stay external.Stay, cfg targets.Config) (external.Driver, error) {
	set, err := externalSettings(cfg)
	if err != nil {
		return nil, err
	}
	v := &visit{Stay: stay, set: set, logins: make([]login, len(stay.At))}
	for i, addr := range v.At {
		if v.logins[i], err = externalLogin(addr, v.Namespace.Name, cfg, set); err != nil {
			return nil, err
		}
	}
	v.Cures = cures(v.logins[0].user)
	v.Writes, v.Replica = v.takesWrites, "a replica (read_only)"
	return v, nil
}

// Meet implements external.Driver.
func (v *visit) Meet(ctx context.Context, node int) (string, error) {
	writes, err := v.takesWrites(ctx, node)
	what := v.Met(node, writes)
	if err == nil {
		v.resemble(ctx, node, what)
	}
	return what, err
}

// resemble notes what the server says of itself. MySQL has server_uuid, which a clone of its data has
// as well, whatever stands before it shows, and TiDB has of zeros alone. MariaDB has nothing of the kind,
// so that it is the place of its data on its machine, with the number that replication tells servers
// apart by: containers may have all of these in common. A server that does not tell is no worse for it.
func (v *visit) resemble(ctx context.Context, node int, what string) {
	_ = v.ask(ctx, node, func(ctx context.Context, c *conn) error {
		uuid, err := c.text(ctx, `SELECT @@global.server_uuid`)
		if err == nil {
			v.Resemble(node, what+", server_uuid", uuid)
			return nil
		}
		place, err := c.text(ctx, `SELECT CONCAT_WS(' ', @@global.hostname, @@global.port, @@global.datadir, @@global.server_id)`)
		v.Resemble(node, what+", its data at", place)
		return err
	})
}

// Fit implements external.Driver.
func (v *visit) Fit(ctx context.Context) error {
	if err := v.Find(v.set.read == readReplica || v.set.read == readSticky); err != nil {
		return err
	}
	return v.Explain(0, v.ask(ctx, 0, func(ctx context.Context, c *conn) (err error) {
		v.version, err = c.text(ctx, `SELECT CONCAT(VERSION(), ', ', @@version_comment)`)
		return err
	}))
}

// takesWrites asks a node.
func (v *visit) takesWrites(ctx context.Context, node int) (writes bool, err error) {
	err = v.ask(ctx, node, func(ctx context.Context, c *conn) error {
		readOnly, err := c.text(ctx, `SELECT @@global.read_only`)
		writes = readOnly == "0" || readOnly == "OFF"
		return err
	})
	return writes, err
}

// ask runs f with a connection of its own.
func (v *visit) ask(ctx context.Context, node int, f func(context.Context, *conn) error) error {
	who := v.logins[node]
	who.database = "" // it may not be there
	return wire.Ask(ctx, visitTimeout, func(ctx context.Context) (*conn, error) { return dial(ctx, who) }, (*conn).close, f)
}

func (v *visit) order(ctx context.Context, node int, statements ...string) error {
	return v.ask(ctx, node, func(ctx context.Context, c *conn) error { return c.executeAll(ctx, statements...) })
}

// Marks implements external.Driver: the mark is the comment of a table, because MySQL
// has none for databases.
func (v *visit) Marks(ctx context.Context) (map[string]string, error) {
	found := map[string]string{}
	err := v.ask(ctx, v.Writer(), func(ctx context.Context, c *conn) error {
		r, err := c.query(ctx, `SELECT schema_name, COALESCE(table_comment, '') FROM information_schema.schemata LEFT JOIN information_schema.tables ON table_schema = schema_name AND table_name = 'probe' WHERE schema_name LIKE 'lapse\_%'`)
		for _, row := range r.values {
			found[fmt.Sprint(row[0])] = fmt.Sprint(row[1])
		}
		return err
	})
	return found, err
}

// Make implements external.Driver.
func (v *visit) Make(ctx context.Context) error {
	database := v.Namespace.Name
	if err := v.order(ctx, v.Writer(), "CREATE DATABASE "+database); err != nil {
		return external.Unmade(number(err) == erDatabaseExists, errorTable.Undone(err), v.Explain(v.Writer(), err))
	}
	list := append([]string{"USE " + database}, tables...)
	return v.order(ctx, v.Writer(), append(list, "ALTER TABLE probe COMMENT = '"+v.Mark()+"'", "INSERT INTO probe VALUES (0, 1)")...)
}

// Serves implements external.Driver: the node shows what Make wrote and, if it takes
// writes, writes.
func (v *visit) Serves(ctx context.Context, node int) error {
	return v.ask(ctx, node, func(ctx context.Context, c *conn) error {
		probe := v.Namespace.Name + ".probe"
		if _, ok, err := c.one(ctx, "SELECT v FROM "+probe+" WHERE id = 0"); err != nil || !ok {
			return errors.Join(err, errors.New("it does not show a write of another node"))
		}
		if !v.TakesWrites(node) {
			return nil
		}
		return c.execute(ctx, fmt.Sprintf("REPLACE INTO %s VALUES (%d, 1)", probe, node+1))
	})
}

// Drop implements external.Driver.
func (v *visit) Drop(ctx context.Context) error {
	return v.order(ctx, v.Writer(), "DROP DATABASE IF EXISTS "+v.Namespace.Name)
}

// login implements backend.
func (v *visit) login(_ targets.Session, node int) (login, error) { return v.logins[node], nil }

// place implements backend.
func (v *visit) place(int) (primary, near int) { return v.Index(), v.Index() }

// Open implements targets.System.
func (v *visit) Open(_ context.Context, s targets.Session) (targets.Client, error) {
	return newClient(v.set, v, s), nil
}

// Version implements targets.System.
func (v *visit) Version() string { return v.version }
