package ministore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

const (
	// port is what every node listens on, as the cluster numbers it.
	port = 7001
	// primary is the index of the node that takes the writes.
	primary = 0
)

// Target is how lapse starts the store and talks to it.
type Target struct{}

// Info says which settings and levels can be chosen and what the store can do.
func (Target) Info() targets.Info {
	return targets.Info{
		Name:        "ministore",
		Summary:     "a key-value store with an asynchronous replica",
		ReadLevels:  []string{"primary", "any"},
		WriteLevels: []string{"primary"},
		Options: []targets.Option{
			{Name: "forgetful", Default: "false", Values: []string{"true", "false"}, Help: "acknowledge writes before they are on disk"},
		},
		Funcs:        []history.Func{history.Read, history.Write},
		MaxTxn:       1,
		DefaultNodes: 2, MinNodes: 1, MaxNodes: 2,
	}
}

// Resolve checks what the suite file asks for and fills in the rest.
func (t Target) Resolve(cfg targets.Config) (targets.Config, error) {
	if cfg.ReadLevel == "" {
		cfg.ReadLevel = "primary"
	}
	if cfg.ReadLevel != "primary" && cfg.ReadLevel != "any" {
		return cfg, targets.Usagef("read level %s: ministore has primary and any", cfg.ReadLevel)
	}
	cfg.WriteLevel = "primary"
	var err error
	cfg.Options, err = targets.ResolveOptions(t.Info(), cfg.Options)
	return cfg, err
}

// Spec is the nodes that it wants.
func (Target) Spec(cfg targets.Config) cluster.Spec {
	return cluster.Spec{Nodes: cluster.NodeNames(cfg.Nodes), Ports: []int{port}, LinkByLink: true}
}

// Abilities says which faults the system below can take.
func (Target) Abilities(targets.Config) []ability.Ability {
	// No ability.Sync: it gives what it writes to the operating system, and syncs nothing.
	return []ability.Ability{ability.Restart, ability.Primary}
}

// Start starts the store and returns when every node answers.
func (Target) Start(ctx context.Context, c cluster.Cluster, cfg targets.Config) (targets.System, error) {
	s := &system{cluster: c, level: cfg.ReadLevel, forgetful: cfg.Options["forgetful"]}
	for _, n := range c.Nodes() {
		if err := s.Restart(ctx, n.Name()); err != nil {
			return nil, errors.Join(err, s.Stop(ctx))
		}
	}
	ready, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for _, n := range c.Nodes() {
		if err := cluster.Await(ready, n.Name(), func(ctx context.Context) error { return s.Ready(ctx, n.Name()) }); err != nil {
			return nil, errors.Join(err, s.Stop(ctx))
		}
	}
	return s, nil
}

// system is a running store.
type system struct {
	cluster   cluster.Cluster
	level     string
	forgetful string
}

// Restart starts a node's process, which has its log from before. The store is
// this binary (see TestMain); a real one is a path.
func (s *system) Restart(ctx context.Context, name string) error {
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	node, err := s.cluster.Node(name)
	if err != nil {
		return err
	}
	address, err := s.cluster.Bind(name, port)
	if err != nil {
		return err
	}
	copied := ""
	if first := s.cluster.Nodes()[primary].Name(); name != first {
		if copied, err = s.cluster.Route(name, first, port); err != nil {
			return err
		}
	}
	return node.Start(ctx, cluster.Command{
		Path: binary,
		Args: []string{"ministore", address, filepath.Join(node.Dir(), "log"), s.forgetful, copied},
	})
}

// Ready is asked until it returns nil, after a start and after a fault.
func (s *system) Ready(ctx context.Context, node string) error {
	_, err := s.role(ctx, node)
	return err
}

// role asks a node what it is.
func (s *system) role(ctx context.Context, node string) (string, error) {
	address, err := s.cluster.Route(cluster.Clients, node, port)
	if err != nil {
		return "", err
	}
	c := client{nodes: []*line{{address: address}}}
	defer func() { _ = c.Close() }()
	return c.nodes[0].ask(ctx, "role")
}

// Primary makes the faults kill-primary, pause-primary and partition-primary possible.
// The database is asked, since one that fails over changes its mind.
func (s *system) Primary(ctx context.Context) (string, error) {
	for _, n := range s.cluster.Nodes() {
		if role, err := s.role(ctx, n.Name()); err == nil && role == "primary" {
			return n.Name(), nil
		}
	}
	return "", fmt.Errorf("no node says that it is the primary")
}

// Version is what reports call it.
func (s *system) Version() string { return "ministore" }

// Stop ends all nodes.
func (s *system) Stop(ctx context.Context) error {
	var errs []error
	for _, n := range s.cluster.Nodes() {
		errs = append(errs, n.Kill(ctx))
	}
	return errors.Join(errs...)
}

// Open makes one client, which connects as it goes.
func (s *system) Open(_ context.Context, session targets.Session) (targets.Client, error) {
	c := &client{level: s.level, session: session}
	for _, n := range s.cluster.Nodes() {
		address, err := s.cluster.Route(cluster.Clients, n.Name(), port)
		if err != nil {
			return nil, err
		}
		c.nodes = append(c.nodes, &line{address: address})
	}
	return c, nil
}

// key is what the store calls a key of the workload's.
func key(k history.Key) string { return "k" + strconv.FormatInt(int64(k), 10) }
