package mysql

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/external"
)

// visit is an external cluster, in which the run has one database.
type visit struct {
	external.Stay
	cfg      targets.Config
	set      settings
	at       []string
	database string
	version  string
	// primary is the node that takes the writes, nowhere if all do.
	primary atomic.Int32
	observe atomic.Pointer[func(kind, text string)]
	unwatch func()
}

var (
	_ external.Driver   = (*visit)(nil)
	_ ability.Primarier = (*visit)(nil)
	_ targets.Observer  = (*visit)(nil)
	_ backend           = (*visit)(nil)
)

const (
	// visitTimeout bounds one question to a node.
	visitTimeout = 5 * time.Second
	// replicaPatience is how far a replica may be behind to be tested at all.
	replicaPatience = time.Minute
)

// look logs in to every node and finds which of them take writes.
func look(ctx context.Context, at []string, cfg targets.Config) (*visit, error) {
	set, err := externalSettings(cfg)
	if err != nil {
		return nil, err
	}
	v := &visit{cfg: cfg, set: set, at: at, database: external.OwnName(cfg.Run, 64), unwatch: func() {}}
	var writers []int
	for i := range at {
		writes, err := v.takesWrites(ctx, i)
		if err != nil {
			return nil, v.explain(i, err)
		}
		if writes {
			writers = append(writers, i)
		}
	}
	err = v.ask(ctx, 0, func(ctx context.Context, c *conn) (err error) {
		v.version, err = c.text(ctx, `SELECT CONCAT(VERSION(), ', ', @@version_comment)`)
		return err
	})
	if err != nil {
		return nil, v.explain(0, err)
	}
	return v, v.assign(writers)
}

// assign decides who the primary is.
func (v *visit) assign(writers []int) error {
	wrong := func(err error, way string) error {
		return &cluster.EnvironmentError{Doing: "looking for the node that takes the writes", Err: err, Way: way}
	}
	switch {
	case len(writers) == 0:
		return wrong(errors.New("all nodes of --at are read_only"), "name the primary as well")
	case len(writers) == len(v.at) && len(writers) > 1:
		if v.set.read == readReplica || v.set.read == readSticky {
			return wrong(fmt.Errorf("all nodes take writes, so that there is no replica to read from at %s", v.set.read), "use --read-level any, or set read_only on the replicas")
		}
		v.primary.Store(nowhere)
	case len(writers) > 1:
		return wrong(fmt.Errorf("%d of %d nodes do: these are the nodes of several clusters, or replicas without read_only", len(writers), len(v.at)), "name the nodes of one, and set read_only on its replicas")
	default:
		v.primary.Store(int32(writers[0]))
	}
	return nil
}

func (v *visit) explain(node int, err error) error {
	who, _ := externalLogin(v.at[node], "", v.cfg, v.set) // only for the user's name
	return cures(who.user).Explain("connecting to "+v.at[node], err)
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
	who, err := externalLogin(v.at[node], "", v.cfg, v.set)
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

// writer is a node that takes writes.
func (v *visit) writer() int { return max(0, int(v.primary.Load())) }

func (v *visit) order(ctx context.Context, node int, statements ...string) error {
	return v.ask(ctx, node, func(ctx context.Context, c *conn) error {
		for _, sql := range statements {
			if err := c.execute(ctx, sql); err != nil {
				return err
			}
		}
		return nil
	})
}

// Describe implements external.Driver.
func (v *visit) Describe() []string {
	var lines []string
	for i, n := range cluster.NodeNames(len(v.at)) {
		role := "a replica (read_only)"
		if p := int(v.primary.Load()); p == nowhere || p == i {
			role = "takes writes"
		}
		lines = append(lines, fmt.Sprintf("%s (%s) %s", n, v.at[i], role))
	}
	return lines
}

// Own implements external.Driver.
func (v *visit) Own() string { return v.database }

// Place implements external.Driver.
func (v *visit) Place(name string) (what, remove string) {
	return "the database " + name, "DROP DATABASE " + name
}

// Taken implements external.Driver.
func (v *visit) Taken(ctx context.Context) (taken bool, err error) {
	err = v.ask(ctx, v.writer(), func(ctx context.Context, c *conn) error {
		_, taken, err = c.one(ctx, `SELECT schema_name FROM information_schema.schemata WHERE schema_name = '`+v.database+`'`)
		return err
	})
	return taken, err
}

// Leftovers implements external.Driver: the mark is the comment of a table, because
// MySQL has none for databases.
func (v *visit) Leftovers(ctx context.Context) []string {
	found := map[string]string{}
	err := v.ask(ctx, v.writer(), func(ctx context.Context, c *conn) error {
		r, err := c.query(ctx, `SELECT table_schema, table_comment FROM information_schema.tables WHERE table_schema LIKE 'lapse\_%' AND table_name = 'probe'`)
		for _, row := range r.values {
			found[fmt.Sprint(row[0])] = fmt.Sprint(row[1])
		}
		return err
	})
	if err != nil {
		return nil
	}
	return external.Marked(found, v.database)
}

// Make implements external.Driver.
func (v *visit) Make(ctx context.Context) error {
	if err := v.order(ctx, v.writer(), "CREATE DATABASE "+v.database); err != nil {
		switch {
		case number(err) == 1007:
			return external.ErrTaken
		case number(err) != 0:
			return external.Refused(v.explain(v.writer(), err))
		}
		return v.explain(v.writer(), err)
	}
	list := append([]string{"USE " + v.database}, tables...)
	return v.order(ctx, v.writer(), append(list, "ALTER TABLE probe COMMENT = '"+external.Mark(v.cfg.Run)+"'")...)
}

// Prove implements external.Driver.
func (v *visit) Prove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, replicaPatience)
	defer cancel()
	probe := v.database + ".probe"
	err := v.order(ctx, v.writer(), "INSERT INTO "+probe+" VALUES (0, 1)")
	for i := 0; err == nil && i < len(v.at); i++ {
		err = cluster.Await(ctx, v.at[i]+" to show a write", func(ctx context.Context) error {
			return v.ask(ctx, i, func(ctx context.Context, c *conn) error {
				if _, ok, err := c.one(ctx, "SELECT v FROM "+probe+" WHERE id = 0"); err != nil || !ok {
					return errors.Join(err, errors.New("it does not"))
				}
				return nil
			})
		})
	}
	if err != nil {
		return &cluster.EnvironmentError{Doing: "writing by one node and reading by every other", Err: err, Way: "see whether all addresses of --at are nodes of one cluster, and no replica is behind for long"}
	}
	v.watch()
	return nil
}

// watch follows changes of the primary until Close is called.
func (v *visit) watch() {
	if v.primary.Load() == nowhere || len(v.at) == 1 {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(time.Second) // each look is a login, which costs the server something
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				v.follow(ctx)
			}
		}
	})
	v.unwatch = func() { cancel(); done.Wait() }
}

// follow looks for another primary when the present one is none any more.
func (v *visit) follow(ctx context.Context) {
	was := int(v.primary.Load())
	if writes, err := v.takesWrites(ctx, was); err == nil && writes {
		return
	}
	for i := range v.at {
		if i == was {
			continue
		}
		if writes, err := v.takesWrites(ctx, i); err == nil && writes {
			v.primary.Store(int32(i))
			if f := v.observe.Load(); f != nil {
				names := cluster.NodeNames(len(v.at))
				(*f)("failover", fmt.Sprintf("%s takes the writes now, as it was found; before it was %s", names[i], names[was]))
			}
			return
		}
	}
}

// login implements backend.
func (v *visit) login(_ targets.Session, node int) (login, error) {
	return externalLogin(v.at[node], v.database, v.cfg, v.set)
}

// place implements backend.
func (v *visit) place(int) (primary, near int) {
	p := int(v.primary.Load())
	return p, p
}

// Open implements targets.System.
func (v *visit) Open(_ context.Context, s targets.Session) (targets.Client, error) {
	return newClient(v.set, v, s), nil
}

// Ready implements targets.System: the node shows the database and, if it takes writes,
// writes to it.
func (v *visit) Ready(ctx context.Context, node string) error {
	i, err := v.Node(node)
	if err != nil {
		return err
	}
	probe := v.database + ".probe"
	if p := int(v.primary.Load()); p == nowhere || p == i {
		return v.order(ctx, i, fmt.Sprintf("REPLACE INTO %s VALUES (%d, 1)", probe, i+1))
	}
	return v.ask(ctx, i, func(ctx context.Context, c *conn) error {
		_, err := c.text(ctx, "SELECT v FROM "+probe+" WHERE id = 0")
		return err
	})
}

// Version implements targets.System.
func (v *visit) Version() string { return v.version }

// Primary implements ability.Primarier.
func (v *visit) Primary(context.Context) (string, error) {
	p := int(v.primary.Load())
	if p == nowhere {
		return "", errors.New("every node takes writes")
	}
	return cluster.NodeNames(len(v.at))[p], nil
}

// Observe implements targets.Observer.
func (v *visit) Observe(f func(kind, text string)) { v.observe.Store(&f) }

// Drop implements external.Driver.
func (v *visit) Drop(ctx context.Context) error {
	return v.order(ctx, v.writer(), "DROP DATABASE IF EXISTS "+v.database)
}

// Close implements external.Driver.
func (v *visit) Close() error {
	v.unwatch()
	return nil
}
