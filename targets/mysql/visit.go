package mysql

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/external"
)

// visit is an external cluster, in which the run has one database.
type visit struct {
	external.Stay
	external.Roles
	cfg     targets.Config
	set     settings
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

// look logs in to every node and finds which of them take writes.
func look(ctx context.Context, at []string, cfg targets.Config) (external.Driver, error) {
	set, err := externalSettings(cfg)
	if err != nil {
		return nil, err
	}
	v := &visit{cfg: cfg, set: set}
	v.At = at
	v.Place = external.Namespace{Name: external.OwnName(cfg.Run, 64), What: "the database %s", Remove: "DROP DATABASE %s"}
	v.Writes, v.Replica = v.takesWrites, "a replica (read_only)"
	if err := v.Find(ctx, at, set.read == readReplica || set.read == readSticky, v.explain); err != nil {
		return nil, err
	}
	v.Lines = v.Describe()
	err = v.ask(ctx, 0, func(ctx context.Context, c *conn) (err error) {
		v.version, err = c.text(ctx, `SELECT CONCAT(VERSION(), ', ', @@version_comment)`)
		return err
	})
	return v, v.explain(0, err)
}

func (v *visit) explain(node int, err error) error {
	who, _ := externalLogin(v.At[node], "", v.cfg, v.set) // only for the user's name
	return cures(who.user).Explain("connecting to "+v.At[node], err)
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
	ctx, cancel := context.WithTimeout(ctx, visitTimeout)
	defer cancel()
	who, err := externalLogin(v.At[node], "", v.cfg, v.set)
	if err != nil {
		return err
	}
	c, err := dial(ctx, who)
	if err != nil {
		return err
	}
	defer c.close()
	return f(ctx, c)
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
	database := v.Place.Name
	if err := v.order(ctx, v.Writer(), "CREATE DATABASE "+database); err != nil {
		return external.Unmade(number(err) == erDatabaseExists, errorTable.Undone(err), v.explain(v.Writer(), err))
	}
	v.Follow()
	list := append([]string{"USE " + database}, tables...)
	return v.order(ctx, v.Writer(), append(list, "ALTER TABLE probe COMMENT = '"+external.Mark(v.cfg.Run)+"'", "INSERT INTO probe VALUES (0, 1)")...)
}

// Serves implements external.Driver: the node shows what Make wrote and, if it takes
// writes, writes.
func (v *visit) Serves(ctx context.Context, node int) error {
	return v.ask(ctx, node, func(ctx context.Context, c *conn) error {
		probe := v.Place.Name + ".probe"
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
	return v.order(ctx, v.Writer(), "DROP DATABASE IF EXISTS "+v.Place.Name)
}

// login implements backend.
func (v *visit) login(_ targets.Session, node int) (login, error) {
	return externalLogin(v.At[node], v.Place.Name, v.cfg, v.set)
}

// place implements backend.
func (v *visit) place(int) (primary, near int) { return v.Index(), v.Index() }

// Open implements targets.System.
func (v *visit) Open(_ context.Context, s targets.Session) (targets.Client, error) {
	return newClient(v.set, v, s), nil
}

// Version implements targets.System.
func (v *visit) Version() string { return v.version }
