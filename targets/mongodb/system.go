package mongodb

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/launch"
	"github.com/lapse-test/lapse/targets/maven"
	"github.com/lapse-test/lapse/targets/wire"
)

const logName = "mongodb.log"

// System is a running stand-in. It is safe for concurrent use.
type System struct {
	*launch.Fleet
	*store
	ability.Tokenless
	software targets.Software
}

var _ targets.System = (*System)(nil)

// Start implements targets.Target.
func (Target) Start(ctx context.Context, c cluster.Cluster, cfg targets.Config) (targets.System, error) {
	set, err := parse(cfg)
	if err != nil {
		return nil, err
	}
	set.standalone = true
	s := &System{Fleet: launch.New("mongo-java-server", logName, c, cfg)}
	if s.software, err = download.Find(ctx, cfg); err != nil {
		return nil, err
	}
	s.Command, s.Complaint = s.command, launch.JavaComplaint
	addr, err := s.Addr(0, port)
	if err != nil {
		return nil, err
	}
	s.store = &store{
		set: set, nodes: []wire.Access{{Addr: addr}}, database: "lapse",
		writes: func(int) bool { return true }, writer: func() int { return 0 },
	}
	err = s.Fleet.Start(ctx, func(ctx context.Context) error {
		return s.Await(ctx, "to answer", s.prove)
	}, nil)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// command starts the server. Its own program listens at localhost and at the default port,
// whatever it is told, so that its Java is told that localhost is the node.
func (s *System) command(_ context.Context, i int) (cluster.Command, error) {
	n := s.Nodes[i]
	host, number, err := s.Listen(i, port)
	if err != nil {
		return cluster.Command{}, err
	}
	if number != strconv.Itoa(port) {
		return cluster.Command{}, &cluster.EnvironmentError{
			Doing: "starting mongo-java-server", Err: fmt.Errorf("it listens at port %d only, and the node has %s", port, number),
			Way: "use --provider sandbox, or a MongoDB of yours with --at",
		}
	}
	tmp, hosts := filepath.Join(n.Dir(), "tmp"), filepath.Join(n.Dir(), "hosts")
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		return cluster.Command{}, err
	}
	if err := os.WriteFile(hosts, []byte(host+" localhost\n"), 0o644); err != nil { //nolint:gosec // a server of the sandbox's user reads it
		return cluster.Command{}, err
	}
	args := append(maven.Small(tmp), "-Djdk.net.hosts.file="+hosts,
		"-cp", filepath.Join(s.software.Dir, "*"), "de.bwaldvogel.mongo.InMemoryMongoServer")
	return cluster.Command{Path: s.software.Java, Args: args, Log: logName}, nil
}

// ask asks node i over a connection that is made for it.
func (s *store) ask(ctx context.Context, i int, f func(context.Context, *link) error) error {
	open := func(context.Context) (*link, error) { return newLink(s.nodes[i], s.database, s.set) }
	return wire.Ask(ctx, max(s.set.timeout, askTimeout), open, (*link).close, f)
}

// readyID is that of a document that is written to see whether a node serves.
const readyID = "lapse:ready"

// prove returns nil when a write and a read went through node i, which takes writes.
func (s *store) prove(ctx context.Context, i int) error {
	return s.ask(ctx, i, func(ctx context.Context, l *link) error {
		_, err := l.do(ctx, func(ctx context.Context) error {
			ready := bson.D{{Key: "_id", Value: readyID}}
			if _, err := l.data.ReplaceOne(ctx, ready, ready, options.Replace().SetUpsert(true)); err != nil {
				return fmt.Errorf("writing: %w", errorTable.Explain(err))
			}
			if err := l.data.FindOne(ctx, ready).Err(); err != nil {
				return fmt.Errorf("reading: %w", errorTable.Explain(err))
			}
			return nil
		})
		return err
	})
}

// Open implements targets.System.
func (s *System) Open(_ context.Context, session targets.Session) (targets.Client, error) {
	return newClient(s.store, session), nil
}

// Ready implements targets.System. What it forgot when it was killed is gone.
func (s *System) Ready(ctx context.Context, node string) error {
	return s.ReadyIf(ctx, node, s.prove)
}

// Version implements targets.System.
func (*System) Version() string { return standIn }
