package redis

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/launch"
	"github.com/lapse-test/lapse/targets/wire"
)

const logName = "redis.log"

// System is a running Redis. It is safe for concurrent use.
type System struct {
	*launch.Fleet
	*store
	ability.Tokenless
	server Server
}

var (
	_ targets.System        = (*System)(nil)
	_ targets.ReplicaPlacer = (*System)(nil)
)

// Start implements targets.Target.
func (Target) Start(ctx context.Context, c cluster.Cluster, cfg targets.Config) (targets.System, error) {
	set, err := parse(cfg)
	if err != nil {
		return nil, err
	}
	s := &System{Fleet: launch.New("Redis", logName, c, cfg), store: &store{set: set}}
	s.Command = s.command
	s.Complaint = func(line string) bool { return strings.Contains(line, " # ") || strings.Contains(line, "FATAL") }
	if s.Image == "" {
		if s.server, err = find(ctx, cfg); err != nil {
			return nil, err
		}
	}
	addrs, err := s.Addrs(port)
	if err != nil {
		return nil, err
	}
	// Nodes of a cluster tell clients their own addresses.
	said := make([]string, len(s.Nodes))
	for i, n := range s.Nodes {
		s.add(wire.Access{Addr: addrs[i]})
		said[i] = fmt.Sprintf("%s:%d", n.Address(), port)
	}
	s.index = byAddress(said)
	if err := s.Fleet.Start(ctx, s.form, s.Stop); err != nil {
		return nil, err
	}
	return s, nil
}

// form makes of servers that run what the topology says, and waits until a write and
// a read went through every primary and every replica is in sync.
func (s *System) form(ctx context.Context) error {
	err := s.Await(ctx, "to answer", func(ctx context.Context, i int) error { return s.admin[i].ping(ctx) })
	if err != nil {
		return err
	}
	if s.set.cluster {
		if err := s.formCluster(ctx); err != nil {
			return err
		}
	}
	return s.Await(ctx, "to serve", s.serves)
}

// command starts the server of node i.
func (s *System) command(_ context.Context, i int) (cluster.Command, error) {
	n := s.Nodes[i]
	data := filepath.Join(n.Dir(), "data")
	if err := os.MkdirAll(data, 0o755); err != nil {
		return cluster.Command{}, err
	}
	host, number, err := s.Listen(i, port)
	if err != nil {
		return cluster.Command{}, err
	}
	args := []string{
		"--port", number, "--bind", host, "--protected-mode", "no", "--dir", data, "--save", "",
		"--appendonly", "yes", "--appendfsync", s.set.appendfsync,
		"--repl-diskless-sync-delay", "0", // or a fresh replica is without data for seconds
		"--min-replicas-to-write", strconv.Itoa(s.set.minReplicas), "--min-replicas-max-lag", "1",
	}
	if s.set.cluster {
		args = append(args, "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf",
			"--cluster-node-timeout", strconv.FormatInt(s.set.nodeTimeout.Milliseconds(), 10))
	} else if i > 0 {
		host, number, err := s.Way(i, 0, port)
		if err != nil {
			return cluster.Command{}, err
		}
		args = append(args, "--replicaof", host+" "+number)
	}
	path := s.server.Path
	if s.Image != "" {
		path = "redis-server"
	}
	return cluster.Command{Path: path, Args: args, Log: logName}, nil
}

// Open implements targets.System.
func (s *System) Open(_ context.Context, session targets.Session) (targets.Client, error) {
	return newClient(s.store, session), nil
}

// ReplicaLevel implements targets.ReplicaReader.
func (*System) ReplicaLevel() string { return readAny }

// Ready implements targets.System.
func (s *System) Ready(ctx context.Context, node string) error {
	return s.ReadyIf(ctx, node, s.serves)
}

// Primary implements ability.Primarier: the first node, which no failover replaces.
func (s *System) Primary(context.Context) (string, error) { return s.Nodes[0].Name(), nil }

// Version implements targets.System.
func (s *System) Version() string {
	topology := topologyReplication
	if s.set.cluster {
		topology = topologyCluster
	}
	title := s.server.Title
	if s.Image != "" {
		title = "Redis"
	}
	return s.Named(title, s.server.Version) + ", " + topology
}

// Stop implements targets.System.
func (s *System) Stop(ctx context.Context) error {
	s.close()
	return s.Fleet.Stop(ctx)
}

// Replicas implements targets.ReplicaPlacer.
func (s *System) Replicas(ctx context.Context, key history.Key) ([]string, error) {
	owners, err := s.replicas(ctx, key)
	return s.Names(owners), err
}
