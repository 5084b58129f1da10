package ministore

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

// port is what the store listens on, as the cluster numbers it.
const port = 7001

// Target is how lapse starts the store and talks to it.
type Target struct{}

// Info says what there is to choose and what the store can do.
func (Target) Info() targets.Info {
	return targets.Info{
		Name:        "ministore",
		Summary:     "a key-value store in one process",
		ReadLevels:  []string{"only"},
		WriteLevels: []string{"only"},
		Options: []targets.Option{
			{Name: "forgetful", Default: "false", Values: []string{"true", "false"}, Help: "acknowledge writes before they are on disk"},
		},
		Funcs:        []history.Func{history.Read, history.Write},
		MaxTxn:       1,
		DefaultNodes: 1, MinNodes: 1, MaxNodes: 1,
	}
}

// Resolve checks what the suite file asks for and fills in the rest.
func (t Target) Resolve(cfg targets.Config) (targets.Config, error) {
	var err error
	cfg.ReadLevel, cfg.WriteLevel = "only", "only"
	cfg.Options, err = targets.ResolveOptions(t.Info(), cfg.Options)
	return cfg, err
}

// Spec is the nodes that it wants.
func (Target) Spec(cfg targets.Config) cluster.Spec {
	return cluster.Spec{Nodes: cluster.NodeNames(cfg.Nodes), Ports: []int{port}, LinkByLink: true}
}

// Abilities says which faults the system below can take.
func (Target) Abilities(targets.Config) []ability.Ability {
	return []ability.Ability{ability.Restart}
}

// Start starts the store and returns when it answers.
func (Target) Start(ctx context.Context, c cluster.Cluster, cfg targets.Config) (targets.System, error) {
	s := &system{cluster: c, node: c.Nodes()[0], forgetful: cfg.Options["forgetful"]}
	if err := s.Restart(ctx, s.node.Name()); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err := cluster.Await(ctx, "ministore", func(ctx context.Context) error { return s.Ready(ctx, s.node.Name()) })
	return s, err
}

// system is a running store.
type system struct {
	cluster   cluster.Cluster
	node      cluster.Node
	forgetful string
}

// Restart starts the store's process, which has its log from before. The store is
// this binary (see TestMain); a real one is a path.
func (s *system) Restart(ctx context.Context, _ string) error {
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	address, err := s.cluster.Bind(s.node.Name(), port)
	if err != nil {
		return err
	}
	return s.node.Start(ctx, cluster.Command{
		Path: binary,
		Args: []string{"ministore", address, filepath.Join(s.node.Dir(), "log"), s.forgetful},
	})
}

// Ready is asked until it returns nil, after a start and after a fault.
func (s *system) Ready(ctx context.Context, _ string) error {
	c, err := s.Open(ctx, targets.Session{})
	if err != nil {
		return err
	}
	defer c.Close()
	txn := history.Txn{Mops: []history.Mop{{Func: history.Read, Key: 0}}}
	return c.Do(ctx, 0, &txn).Err
}

func (s *system) Version() string { return "ministore" }

func (s *system) Stop(ctx context.Context) error { return s.node.Kill(ctx) }

// Open connects one client.
func (s *system) Open(ctx context.Context, session targets.Session) (targets.Client, error) {
	address, err := s.cluster.Route(cluster.Clients, s.node.Name(), port)
	if err != nil {
		return nil, err
	}
	return dial(ctx, address, session)
}

// key is what the store calls a key of the workload's.
func key(k history.Key) string { return "k" + strconv.FormatInt(int64(k), 10) }
