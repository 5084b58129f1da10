package quorumkv

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/leaderless"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/external"
)

var _ targets.Externalizer = (*Target)(nil)

// External implements targets.Externalizer. Addresses are host:port.
func (t *Target) External(at []string) (targets.Target, error) {
	return external.At(at, external.Kind{
		Info: t.externalInfo(protocol.Health{}), Narrow: narrow, Port: port,
		Namespace: external.Namespace{What: "the keys %s*", Remove: remedy, Most: 64, End: "-"},
		Settings:  externalSettings,
		Alive:     alive,
		Visit:     newVisit,
		Promises:  t.Promises,
		Joins:     true,
		Examples:  examples,
	})
}

// remedy is how a person removes what a run could not.
const remedy = "a delete of each key %s* that is still there, of tenants %s* too, of a set each element, of a map each field, and of a counter its total"

// externalSettings has the mode check levels and settings, as if the cluster were one of ours.
func externalSettings(cfg targets.Config) (targets.Config, error) {
	asked := cfg
	asked.Options = map[string]string{optMode: cfg.Options[optMode]}
	for _, name := range externalOptions(cfg.Options[optMode]) {
		asked.Options[name] = cfg.Options[name]
	}
	full, err := modeOf(cfg.Options, protocol.Health{}).Resolve(asked)
	if err != nil {
		return cfg, err
	}
	cfg.ReadLevel, cfg.WriteLevel = full.ReadLevel, full.WriteLevel
	for name := range asked.Options {
		cfg.Options[name] = full.Options[name]
	}
	_, err = externalTLS("localhost:0", cfg.Options) // the files can be read
	return cfg, err
}

// alive asks a node how it is.
func alive(ctx context.Context, addr string, options map[string]string) error {
	c, err := dialExternal(addr, options)
	if err != nil {
		return err
	}
	defer c.Close()
	h, err := c.Health(ctx)
	if err == nil && h.Node == "" {
		err = errors.New("it is no quorumkv")
	}
	return err
}

// visit is an external quorumkv. The store has neither tables nor a way to list
// keys, so that what is ours is known by a prefix, and removed name by name. The System
// below it serves the clients.
type visit struct {
	external.Stay
	sys *System
	all []protocol.Health
	// dropped is how often Drop was called, which is never by two at once.
	dropped int
}

var (
	_ external.Driver       = (*visit)(nil)
	_ targets.ReplicaPlacer = (*visit)(nil)
)

func newVisit(stay external.Stay, cfg targets.Config) (external.Driver, error) {
	v := &visit{Stay: stay, all: make([]protocol.Health, len(stay.At)), sys: &System{
		cfg: cfg, nodes: cluster.NodeNames(len(stay.At)), at: stay.At, admin: map[string]*client.Client{},
		prefix: stay.Namespace.Name, written: newKeySet(),
	}}
	for i, n := range v.sys.nodes {
		var err error
		if v.sys.secure.client, err = externalTLS(v.At[i], cfg.Options); err != nil {
			return v, err
		}
		v.sys.admin[n] = v.sys.client(v.At[i], (&net.Dialer{}).DialContext)
	}
	return v, nil
}

// Meet implements external.Driver.
func (v *visit) Meet(ctx context.Context, i int) (_ string, err error) {
	v.all[i], err = v.sys.admin[v.sys.nodes[i]].Health(ctx)
	return "is its node " + v.all[i].Node, err
}

// Fit implements external.Driver.
func (v *visit) Fit(ctx context.Context) error {
	for i, h := range v.all {
		if j := slices.IndexFunc(v.all, func(o protocol.Health) bool { return o.Node == h.Node }); j < i {
			return external.Unfit("name each node once", "%s and %s are the same node %s, or nodes of two clusters", v.At[j], v.At[i], h.Node)
		}
	}
	options := v.sys.cfg.Options
	for i, h := range v.all {
		if h.Mode != options[optMode] {
			return external.Unfit(fmt.Sprintf("leave --set %s out, or say --set %s=%s", optMode, optMode, h.Mode), "%s runs in mode %s, and not %s", v.At[i], h.Mode, options[optMode])
		}
		for _, name := range externalOptions(h.Mode) {
			if said := saysOf(h, name); said != "" && said != options[name] {
				return external.Unfit(fmt.Sprintf("say so with --set %s=%s", name, said), "%s has %s=%s, and not %s", v.At[i], name, said, options[name])
			}
		}
		if h.Lost != "" {
			v.Lines = append(v.Lines, fmt.Sprintf("%s says: %s", v.At[i], h.Lost))
		}
	}
	first := v.all[0]
	if first.Mode != leaderless.Mode {
		v.Lines = append(v.Lines, "mode "+first.Mode)
		return v.joined(ctx)
	}
	v.Lines = append(v.Lines, fmt.Sprintf("%d replicas, read repair %s", first.Replication, first.ReadRepair))
	return v.joined(ctx)
}

// joined waits until the nodes are connected with each other, up to joinTimeout: a node
// that was just started answers before it has reached its peers, and refuses quorums until
// then.
func (v *visit) joined(ctx context.Context) error {
	joining, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	for i, n := range v.sys.nodes {
		err := cluster.Await(joining, v.At[i]+" to reach the other nodes", func(context.Context) error {
			// Not cut short by joinTimeout, or that would be all that is known of the node.
			h, err := v.sys.admin[n].Health(ctx)
			if err != nil {
				return err
			}
			return v.connected(n, h)
		})
		if err != nil {
			return external.Unfit("look whether the nodes run and reach each other", "%w", err)
		}
	}
	return nil
}

// connected is an error unless node is connected with all others of --at, and knows a leader where there is to be one.
func (v *visit) connected(node string, h protocol.Health) error {
	if h.Mode != leaderless.Mode && h.Leader == "" {
		return fmt.Errorf("%s knows of no leader", node)
	}
	for i, theirs := range v.all {
		ours := v.sys.nodes[i]
		if p := h.Peers[theirs.Node]; ours != node && !p.Connected {
			return fmt.Errorf("%s is not connected with %s (%s): %s", node, ours, theirs.Node, p.Error)
		}
	}
	return nil
}

// joinTimeout is for nodes that were just started.
const joinTimeout = 8 * time.Second

// Marks implements external.Driver: keys cannot be listed, so that only the run's own are
// looked for.
func (v *visit) Marks(ctx context.Context) (map[string]string, error) {
	for _, n := range v.sys.nodes {
		got, err := v.sys.admin[n].Get(ctx, v.sys.readyKey(n), "", "")
		if err != nil {
			return nil, err
		}
		if got != nil {
			return map[string]string{v.sys.prefix: ""}, nil
		}
	}
	return nil, nil
}

// Make implements external.Driver: keys are made by writing them.
func (v *visit) Make(context.Context) error { return nil }

// Drop implements external.Driver: all that was written is removed. What of it cannot be now keeps nothing else from it, and another node is
// asked for it by the next call.
func (v *visit) Drop(ctx context.Context) error {
	var group errgroup.Group
	group.SetLimit(removing)
	v.dropped++
	for i, k := range v.sys.written.all() {
		group.Go(func() error {
			gone, err := v.sys.remove(ctx, (i+v.dropped)%len(v.sys.nodes), k)
			if gone {
				v.sys.written.remove(k)
			}
			return err
		})
	}
	err := group.Wait()
	switch left := v.sys.written.all(); {
	case len(left) == 0:
		return nil
	case err != nil:
		return fmt.Errorf("%d of the names that were written are left, %q among them: %w", len(left), left[0].key, err)
	default:
		return fmt.Errorf("a node still has something under %d of the names that were written, %q among them", len(left), left[0].key)
	}
}

// Close implements external.Driver.
func (v *visit) Close() error {
	for _, c := range v.sys.admin {
		c.Close()
	}
	return nil
}

// Open implements targets.System.
func (v *visit) Open(ctx context.Context, s targets.Session) (targets.Client, error) {
	return v.sys.Open(ctx, s)
}

// Serves implements external.Driver: a write and a read at level ONE went through the
// node, and it is connected with all others of --at.
func (v *visit) Serves(ctx context.Context, i int) error {
	node := v.sys.nodes[i]
	return v.sys.serves(ctx, node, func(h protocol.Health) error { return v.connected(node, h) })
}

// Version implements targets.System.
func (v *visit) Version() string {
	return "quorumkv, " + v.sys.cfg.Options[optMode] + ", an external cluster"
}

// Replicas implements targets.ReplicaPlacer; nodes that --at does not name are left
// out.
func (v *visit) Replicas(ctx context.Context, key history.Key) ([]string, error) {
	ring, err := v.sys.ring(ctx, key)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, r := range ring.Replicas {
		for i, h := range v.all {
			if h.Node == r.Name {
				out = append(out, v.sys.nodes[i])
			}
		}
	}
	return out, nil
}
