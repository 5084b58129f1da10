package quorumkv

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

// attachedTarget is a quorumkv that somebody else runs.
type attachedTarget struct {
	Target
	at []string
}

var (
	_ targets.Attacher = (*Target)(nil)
	_ targets.Target   = (*attachedTarget)(nil)
	_ targets.Fetcher  = (*attachedTarget)(nil)
)

// Attached implements targets.Attacher. Addresses are host:port.
func (t *Target) Attached(at []string) (targets.Target, error) {
	list, err := targets.Addresses(at, port)
	if err != nil {
		return nil, err
	}
	return &attachedTarget{at: list}, nil
}

// attachedOptions are those whose values clients have to know: the cluster is set
// up as it is.
var attachedOptions = []string{optReplication, optReadRepair}

// Info implements targets.Target.
func (t *attachedTarget) Info() targets.Info {
	i := t.Target.Info()
	i.Summary = "quorumkv where somebody else runs it"
	i.Options = slices.DeleteFunc(i.Options, func(o targets.Option) bool { return !slices.Contains(attachedOptions, o.Name) })
	i.DefaultNodes, i.MinNodes, i.MaxNodes = len(t.at), len(t.at), len(t.at)
	return i
}

// Resolve implements targets.Target.
func (t *attachedTarget) Resolve(cfg targets.Config) (targets.Config, error) {
	cfg, err := targets.CheckAttached(cfg, len(t.at))
	if err != nil {
		return cfg, err
	}
	if cfg.Options, err = targets.ResolveOptions(t.Info(), cfg.Options); err != nil {
		return cfg, err
	}
	full, err := t.Target.Resolve(cfg)
	if err != nil {
		return cfg, err
	}
	cfg.ReadLevel, cfg.WriteLevel = full.ReadLevel, full.WriteLevel
	cfg.Options[optReplication] = full.Options[optReplication]
	return cfg, nil
}

// Spec implements targets.Target.
func (t *attachedTarget) Spec(cfg targets.Config) cluster.Spec {
	return cluster.Spec{
		Run: cfg.Run, Nodes: cluster.NodeNames(len(t.at)), Ports: []int{port},
		At: t.at, Knock: knock, Operator: cfg.Operator,
	}
}

// knock asks a node how it is.
func knock(ctx context.Context, addr string) error {
	c := client.New(addr)
	defer c.Close()
	h, err := c.Health(ctx)
	if err == nil && h.Node == "" {
		err = errors.New("it is no quorumkv")
	}
	return err
}

// Abilities implements targets.Target.
func (*attachedTarget) Abilities(targets.Config) []ability.Ability {
	return []ability.Ability{ability.Restart}
}

// Fetch implements targets.Fetcher: it looks, and makes nothing.
func (t *attachedTarget) Fetch(ctx context.Context, cfg targets.Config) error {
	_, err := t.Present(ctx, cfg)
	return err
}

// Present implements targets.Fetcher.
func (t *attachedTarget) Present(ctx context.Context, cfg targets.Config) (string, error) {
	names := cluster.NodeNames(len(t.at))
	all, err := t.health(ctx)
	if err != nil {
		return "", err
	}
	if got := all[0].Replication; cfg.Options[optReplication] != strconv.Itoa(got) {
		return "", &cluster.EnvironmentError{
			Doing: "looking at the cluster", Err: fmt.Errorf("it keeps %d replicas of a key, and not %s", got, cfg.Options[optReplication]),
			Way: fmt.Sprintf("say so with --set %s=%d", optReplication, got),
		}
	}
	text := fmt.Sprintf("quorumkv, %d replicas, read repair %s", all[0].Replication, all[0].ReadRepair)
	for i, h := range all {
		text += fmt.Sprintf("; %s (%s) is its node %s", names[i], t.at[i], h.Node)
	}
	return text, nil
}

// health asks all nodes.
func (t *attachedTarget) health(ctx context.Context) ([]protocol.Health, error) {
	ctx, cancel := context.WithTimeout(ctx, attachTimeout)
	defer cancel()
	all := make([]protocol.Health, len(t.at))
	group, ctx := errgroup.WithContext(ctx)
	for i, addr := range t.at {
		group.Go(func() (err error) {
			c := client.New(addr)
			defer c.Close()
			if all[i], err = c.Health(ctx); err != nil {
				return &cluster.EnvironmentError{Doing: "asking " + addr + " how it is", Err: err, Way: "see whether the address is right and the node is up"}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i := range all {
		for j := range i {
			if all[i].Node == all[j].Node {
				return nil, &cluster.EnvironmentError{
					Doing: "looking at the cluster", Err: fmt.Errorf("%s and %s are the same node %s, or nodes of two clusters", t.at[j], t.at[i], all[i].Node),
					Way: "name each node once",
				}
			}
		}
	}
	return all, nil
}

// attachTimeout is for asking all nodes.
const attachTimeout = 10 * time.Second

// attached is a quorumkv that somebody else runs. The store has neither tables nor
// a way to list keys, so that what is ours is known by a prefix, and removed key by
// key. The System below it serves the clients.
type attached struct {
	sys *System
	// names are the nodes' own names for themselves, by ours.
	names map[string]string
}

var (
	_ targets.System        = (*attached)(nil)
	_ targets.ReplicaPlacer = (*attached)(nil)
)

// Start implements targets.Target.
func (t *attachedTarget) Start(ctx context.Context, c cluster.Cluster, cfg targets.Config) (targets.System, error) {
	if err := t.Fetch(ctx, cfg); err != nil {
		return nil, err
	}
	all, err := t.health(ctx)
	if err != nil {
		return nil, err
	}
	a := &attached{
		names: map[string]string{},
		sys: &System{
			cfg: cfg, cluster: c, admin: map[string]*client.Client{},
			prefix: targets.OwnName(cfg.Run, 64) + "-", written: newKeySet(),
		},
	}
	for i, n := range c.Nodes() {
		a.sys.nodes = append(a.sys.nodes, n.Name())
		a.sys.admin[n.Name()] = client.New(t.at[i])
		a.names[n.Name()] = all[i].Node
	}
	if err := a.begin(ctx); err != nil {
		return nil, errors.Join(err, a.Stop(context.WithoutCancel(ctx)))
	}
	return a, nil
}

// begin writes once through every node. A run whose keys are there already would
// not be the first of its name.
func (a *attached) begin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, attachTimeout)
	defer cancel()
	for _, n := range a.sys.nodes {
		got, err := a.sys.admin[n].Get(ctx, a.sys.prefix+readyKey+n, "QUORUM", "")
		if err != nil {
			return fmt.Errorf("reading through %s: %w", n, err)
		}
		if got != nil {
			return targets.Taken("the keys " + a.sys.prefix + "*")
		}
	}
	for _, n := range a.sys.nodes {
		if err := a.Ready(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// readyKey begins the keys that are written to see whether a node serves.
const readyKey = "ready-"

// Open implements targets.System.
func (a *attached) Open(ctx context.Context, s targets.Session) (targets.Client, error) {
	return a.sys.Open(ctx, s)
}

// Restart implements targets.System: the operator's command starts the node.
func (a *attached) Restart(ctx context.Context, node string) error {
	n, err := a.sys.cluster.Node(node)
	if err != nil {
		return err
	}
	return n.Start(ctx, cluster.Command{})
}

// Ready implements targets.System: a write and a read at level ONE went through the
// node, and it is connected with all others of --at.
func (a *attached) Ready(ctx context.Context, node string) error {
	c, ok := a.sys.admin[node]
	if !ok {
		return fmt.Errorf("no node %q; there are %s", node, strings.Join(a.sys.nodes, ", "))
	}
	h, err := c.Health(ctx)
	if err != nil {
		return fmt.Errorf("asking %s how it is: %w", node, err)
	}
	for ours, theirs := range a.names {
		if p := h.Peers[theirs]; ours != node && !p.Connected {
			return fmt.Errorf("%s is not connected with %s (%s): %s", node, ours, theirs, p.Error)
		}
	}
	key := a.sys.prefix + readyKey + node
	a.sys.written.add(key)
	if _, err := c.Put(ctx, key, []byte(a.sys.cfg.Run), "ONE"); err != nil {
		return fmt.Errorf("writing through %s: %w", node, err)
	}
	if _, err := c.Get(ctx, key, "ONE", ""); err != nil {
		return fmt.Errorf("reading through %s: %w", node, err)
	}
	return nil
}

// Version implements targets.System.
func (a *attached) Version() string { return "quorumkv, leaderless, of somebody else" }

// Replicas implements targets.ReplicaPlacer; nodes that --at does not name are left
// out.
func (a *attached) Replicas(ctx context.Context, key history.Key) ([]string, error) {
	ring, err := a.sys.admin[a.sys.nodes[0]].Ring(ctx, a.sys.prefix+key.String())
	if err != nil {
		return nil, fmt.Errorf("asking for the replicas of %s: %w", key, err)
	}
	var out []string
	for _, r := range ring.Replicas {
		for _, n := range a.sys.nodes {
			if a.names[n] == r.Name {
				out = append(out, n)
			}
		}
	}
	return out, nil
}

// Stop implements targets.System: every key that was written is deleted.
func (a *attached) Stop(ctx context.Context) error {
	defer func() {
		for _, c := range a.sys.admin {
			c.Close()
		}
	}()
	keys := a.sys.written.all()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i, key := range keys {
		group.Go(func() error {
			return cluster.Await(ctx, "a key to be deleted", func(ctx context.Context) error {
				ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
				defer cancel()
				node := a.sys.nodes[i%len(a.sys.nodes)]
				_, err := a.sys.admin[node].Delete(ctx, key, "QUORUM")
				var e *client.Error
				if errors.As(err, &e) && e.Code == protocol.CodeNotFound {
					return nil
				}
				return err
			})
		})
	}
	if err := group.Wait(); err != nil {
		what := fmt.Sprintf("%d keys that begin with %s", len(keys), a.sys.prefix)
		return targets.NotRemoved(what, "a delete of each key "+a.sys.prefix+"* that is still there", err)
	}
	return nil
}

// keySet is a set of keys, safe for concurrent use; nil keeps none.
type keySet struct {
	mu   sync.RWMutex
	keys map[string]bool
}

func newKeySet() *keySet { return &keySet{keys: map[string]bool{}} }

func (s *keySet) add(key string) {
	if s == nil {
		return
	}
	s.mu.RLock()
	known := s.keys[key]
	s.mu.RUnlock()
	if known {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[key] = true
}

func (s *keySet) all() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []string
	for k := range s.keys {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
