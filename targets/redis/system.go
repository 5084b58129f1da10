package redis

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/launch"
)

const logName = "redis.log"

// System is a running Redis. It is safe for concurrent use.
type System struct {
	*launch.Fleet
	set    settings
	server server
	// image is what the nodes are made of if they are containers.
	image string
	// admin are connections of the harness's own, one a node, which go-redis makes
	// again when they are lost.
	admin []*link
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
	s := &System{Fleet: launch.New("Redis", logName, c, cfg), set: set, image: cluster.ImageOf(c)}
	s.Command = s.command
	s.Complaint = func(line string) bool { return strings.Contains(line, " # ") || strings.Contains(line, "FATAL") }
	if s.image == "" {
		if s.server, err = find(ctx, cfg); err != nil {
			return nil, err
		}
	}
	for i := range s.Nodes {
		addr, err := s.Addr(i, port)
		if err != nil {
			return nil, err
		}
		s.admin = append(s.admin, adminLink(addr))
	}
	if err := s.Fleet.Start(ctx, s.form, s.Stop); err != nil {
		return nil, &cluster.EnvironmentError{Doing: "starting Redis", Err: err, Way: "see the logs of the nodes in the run directory"}
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
	return s.Await(ctx, "to serve", func(ctx context.Context, i int) error { return s.serves(ctx, i) })
}

// command starts the server of node i.
func (s *System) command(_ context.Context, i int) (cluster.Command, error) {
	n := s.Nodes[i]
	data := filepath.Join(n.Dir(), "data")
	if err := os.MkdirAll(data, 0o755); err != nil {
		return cluster.Command{}, err
	}
	bind, err := s.Cluster.Bind(n.Name(), port)
	if err != nil {
		return cluster.Command{}, err
	}
	host, number, _ := strings.Cut(bind, ":")
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
		primary, err := s.Cluster.Route(n.Name(), s.Nodes[0].Name(), port)
		if err != nil {
			return cluster.Command{}, err
		}
		host, number, _ := strings.Cut(primary, ":")
		args = append(args, "--replicaof", host+" "+number)
	}
	path := s.server.path
	if s.image != "" {
		path = "redis-server"
	}
	return cluster.Command{Path: path, Args: args, Log: logName}, nil
}

// Open implements targets.System.
func (s *System) Open(_ context.Context, session targets.Session) (targets.Client, error) {
	addrs := make([]string, len(s.Nodes))
	for i := range s.Nodes {
		addr, err := s.Addr(i, port)
		if err != nil {
			return nil, err
		}
		addrs[i] = addr
	}
	return newClient(s.set, addrs, s.reported, session), nil
}

// reported is the index of the node whose server says of itself that it is at addr,
// -1 if there is none: nodes of a cluster tell clients their own addresses.
func (s *System) reported(addr string) int {
	for i, n := range s.Nodes {
		if addr == fmt.Sprintf("%s:%d", n.Address(), port) {
			return i
		}
	}
	return -1
}

// Ready implements targets.System.
func (s *System) Ready(ctx context.Context, node string) error {
	i, err := s.Index(node)
	if err != nil {
		return err
	}
	if err := s.Alive(i); err != nil {
		return err
	}
	return s.serves(ctx, i)
}

// readyKey is written to see whether a node serves: no key of a workload.
const readyKey = "lapse-ready"

// serves returns nil when node i takes part: a primary whose slots are served, or a
// replica that is in sync with its primary.
func (s *System) serves(ctx context.Context, i int) error {
	ctx, cancel := context.WithTimeout(ctx, max(s.set.timeout, time.Second))
	defer cancel()
	info, err := s.admin[i].info(ctx)
	if err != nil {
		return err
	}
	if s.set.cluster {
		if err := s.clusterServes(ctx, i); err != nil {
			return err
		}
	}
	if info["role"] == "slave" {
		if info["master_link_status"] != "up" || info["master_sync_in_progress"] != "0" {
			return fmt.Errorf("the replica's link to its primary is %s", info["master_link_status"])
		}
		return nil
	}
	if s.set.cluster {
		return nil // it may have no slot: then it has nothing to write
	}
	return s.admin[i].prove(ctx)
}

// Primary implements ability.Primarier: the first node, which no failover replaces.
func (s *System) Primary(context.Context) (string, error) { return s.Nodes[0].Name(), nil }

// Version implements targets.System.
func (s *System) Version() string {
	topology := topologyReplication
	if s.set.cluster {
		topology = topologyCluster
	}
	if s.image != "" {
		return "Redis (image " + s.image + "), " + topology
	}
	return s.server.title + " " + s.server.version + ", " + topology
}

// Stop implements targets.System.
func (s *System) Stop(ctx context.Context) error {
	for _, l := range s.admin {
		_ = l.Close() // nothing was left to say
	}
	return s.Fleet.Stop(ctx)
}

// Replicas implements targets.ReplicaPlacer.
func (s *System) Replicas(ctx context.Context, key history.Key) ([]string, error) {
	if !s.set.cluster {
		names := make([]string, len(s.Nodes))
		for i, n := range s.Nodes {
			names[i] = n.Name()
		}
		return names, nil
	}
	m, err := s.slots(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, i := range m.owners(slotOf(key.String())) {
		names = append(names, s.Nodes[i].Name())
	}
	return names, nil
}
