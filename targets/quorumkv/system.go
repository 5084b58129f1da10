package quorumkv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// readyTimeout bounds the wait for one node to serve.
const readyTimeout = 30 * time.Second

// System is a running quorumkv.
type System struct {
	cfg     targets.Config
	cluster cluster.Cluster
	nodes   []string
	binary  string
	// admin are clients of the harness's own, one a node, safe for concurrent
	// use.
	admin map[string]*client.Client
	// prefix begins every key, and written has those that may have been written,
	// in a store that is not ours; empty and nil in one that is.
	prefix  string
	written *keySet

	mu      sync.Mutex
	offsets map[string]time.Duration
}

// Start implements targets.Target.
func (*Target) Start(ctx context.Context, c cluster.Cluster, cfg targets.Config) (targets.System, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this binary, which serves quorumkv: %w", err)
	}
	s := &System{cfg: cfg, cluster: c, binary: binary, admin: map[string]*client.Client{}, offsets: map[string]time.Duration{}}
	for _, n := range c.Nodes() {
		addr, err := c.Route(cluster.Clients, n.Name(), port)
		if err != nil {
			return nil, fmt.Errorf("finding the way to %s: %w", n.Name(), err)
		}
		s.nodes = append(s.nodes, n.Name())
		s.admin[n.Name()] = client.New(addr)
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Stop(context.WithoutCancel(ctx)))
	}
	return s, nil
}

func (s *System) start(ctx context.Context) error {
	for _, n := range s.nodes {
		if err := s.startNode(ctx, n); err != nil {
			return err
		}
	}
	for _, n := range s.nodes {
		err := await(ctx, n, func(ctx context.Context) error { return s.Ready(ctx, n) })
		if err != nil {
			return err
		}
	}
	return nil
}

// await waits for a node, and says where its log is if it does not come.
func await(ctx context.Context, node string, ok func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if err := cluster.Await(ctx, "quorumkv on "+node, ok); err != nil {
		return &cluster.EnvironmentError{Doing: "starting quorumkv", Err: err, Way: "see the log of " + node + " in the run directory"}
	}
	return nil
}

func (s *System) startNode(ctx context.Context, name string) error {
	node, err := s.cluster.Node(name)
	if err != nil {
		return err
	}
	args, err := s.args(node)
	if err != nil {
		return err
	}
	if err := node.Start(ctx, cluster.Command{Path: s.binary, Args: args, Log: "quorumkv.log"}); err != nil {
		return fmt.Errorf("starting quorumkv on %s: %w", name, err)
	}
	return nil
}

func (s *System) args(node cluster.Node) ([]string, error) {
	bind, err := s.cluster.Bind(node.Name(), port)
	if err != nil {
		return nil, fmt.Errorf("finding what %s listens on: %w", node.Name(), err)
	}
	o := s.cfg.Options
	request, err := time.ParseDuration(o[optRequestTimeout])
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", optRequestTimeout, err)
	}
	args := []string{
		"quorumkv", "serve", "--testing", "--log-level", "debug",
		"--node", node.Name(), "--listen", bind, "--data-dir", filepath.Join(node.Dir(), "data"),
		"--replication", o[optReplication],
		"--read-repair", o[optReadRepair],
		"--hinted-handoff=" + o[optHintedHandoff],
		"--write-timestamps", o[optTimestamps],
		"--fsync=" + o[optFsync],
		"--request-timeout", request.String(),
		"--peer-timeout", (request / 2).String(),
	}
	for _, peer := range s.nodes {
		if peer == node.Name() {
			continue
		}
		addr, err := s.cluster.Route(node.Name(), peer, port)
		if err != nil {
			return nil, fmt.Errorf("finding the way from %s to %s: %w", node.Name(), peer, err)
		}
		args = append(args, "--peers", peer+"="+addr)
	}
	for _, d := range splitDefects(o[optDefects]) {
		if d.node == "" || d.node == node.Name() {
			args = append(args, "--defects", d.name)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if off := s.offsets[node.Name()]; off != 0 {
		args = append(args, "--clock-offset", off.String())
	}
	return args, nil
}

// Restart implements targets.System. The node keeps its data and the offset of
// its clock.
func (s *System) Restart(ctx context.Context, node string) error { return s.startNode(ctx, node) }

// Ready implements targets.System: the node serves, is connected with every
// other node that runs, and a write and a read at level ONE went through it.
func (s *System) Ready(ctx context.Context, node string) error {
	c, ok := s.admin[node]
	if !ok {
		return fmt.Errorf("no node %q; there are %s", node, strings.Join(s.nodes, ", "))
	}
	h, err := c.Health(ctx)
	if err != nil {
		return fmt.Errorf("asking %s how it is: %w", node, err)
	}
	for name, p := range h.Peers {
		peer, err := s.cluster.Node(name)
		if err != nil {
			return err
		}
		if peer.State() == cluster.Running && !p.Connected {
			return fmt.Errorf("%s is not connected with %s: %s", node, name, p.Error)
		}
	}
	key := "lapse-ready-" + node
	if _, err := c.Put(ctx, key, []byte(s.cfg.Run), "ONE"); err != nil {
		return fmt.Errorf("writing through %s: %w", node, err)
	}
	if _, err := c.Get(ctx, key, "ONE", ""); err != nil {
		return fmt.Errorf("reading through %s: %w", node, err)
	}
	return nil
}

// Version implements targets.System. The store is part of this binary, which
// has its version.
func (*System) Version() string { return "quorumkv, leaderless, " + runtime.Version() }

// Stop implements targets.System.
func (s *System) Stop(ctx context.Context) error {
	var errs []error
	for _, c := range s.admin {
		c.Close()
	}
	for _, n := range s.nodes {
		node, err := s.cluster.Node(n)
		if err == nil {
			err = node.Kill(ctx)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("stopping %s: %w", n, err))
		}
	}
	return errors.Join(errs...)
}

// Replicas implements targets.ReplicaPlacer.
func (s *System) Replicas(ctx context.Context, key history.Key) ([]string, error) {
	ring, err := s.admin[s.nodes[0]].Ring(ctx, key.String())
	if err != nil {
		return nil, fmt.Errorf("asking for the replicas of %s: %w", key, err)
	}
	names := make([]string, len(ring.Replicas))
	for i, n := range ring.Replicas {
		names[i] = n.Name
	}
	return names, nil
}

// BendClock implements ability.ClockBender, in whole milliseconds.
func (s *System) BendClock(ctx context.Context, node string, offset time.Duration) (time.Duration, error) {
	c, ok := s.admin[node]
	if !ok {
		return 0, fmt.Errorf("no node %q; there are %s", node, strings.Join(s.nodes, ", "))
	}
	if err := c.SetClock(ctx, offset); err != nil {
		return 0, fmt.Errorf("bending the clock of %s: %w", node, err)
	}
	s.mu.Lock()
	s.offsets[node] = offset.Truncate(time.Millisecond)
	s.mu.Unlock()
	h, err := c.Health(ctx)
	if err != nil {
		return 0, fmt.Errorf("reading the clock of %s back: %w", node, err)
	}
	return time.Duration(h.ClockOffsetMS) * time.Millisecond, nil
}
