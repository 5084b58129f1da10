package quorumkv

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
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

// externalOptions are those whose values clients have to know: the cluster is set
// up as it is.
var externalOptions = []string{optReplication, optReadRepair}

// External implements targets.Externalizer. Addresses are host:port.
func (t *Target) External(at []string) (targets.Target, error) {
	i := t.Info()
	i.Summary = "quorumkv on an external cluster"
	i.Options = slices.DeleteFunc(i.Options, func(o targets.Option) bool { return !slices.Contains(externalOptions, o.Name) })
	// What was written for tenants could not be found again to be removed.
	i.Funcs = slices.DeleteFunc(i.Funcs, func(f history.Func) bool { return f == history.Scan || f == history.Backup })
	return external.At(at, external.Kind{
		Info: i, Port: port,
		Place: external.Namespace{What: "the keys %s*", Remove: "a delete of each key %s* that is still there", Most: 64, End: "-"},
		Settings: func(cfg targets.Config) (targets.Config, error) {
			full, err := t.Resolve(cfg)
			if err != nil {
				return cfg, err
			}
			cfg.ReadLevel, cfg.WriteLevel = full.ReadLevel, full.WriteLevel
			cfg.Options[optReplication] = full.Options[optReplication]
			return cfg, nil
		},
		Alive:    func(ctx context.Context, addr string, _ map[string]string) error { return alive(ctx, addr) },
		Visit:    newVisit,
		Promises: t.Promises,
		Joins:    true,
	})
}

// alive asks a node how it is.
func alive(ctx context.Context, addr string) error {
	c := client.New(addr)
	defer c.Close()
	h, err := c.Health(ctx)
	if err == nil && h.Node == "" {
		err = errors.New("it is no quorumkv")
	}
	return err
}

// visit is an external quorumkv. The store has neither tables nor a way to list
// keys, so that what is ours is known by a prefix, and removed key by key. The System
// below it serves the clients.
type visit struct {
	external.Stay
	sys *System
	all []protocol.Health
}

var (
	_ external.Driver       = (*visit)(nil)
	_ targets.ReplicaPlacer = (*visit)(nil)
)

func newVisit(stay external.Stay, cfg targets.Config) (external.Driver, error) {
	v := &visit{Stay: stay, all: make([]protocol.Health, len(stay.At)), sys: &System{
		cfg: cfg, nodes: cluster.NodeNames(len(stay.At)), at: stay.At, admin: map[string]*client.Client{},
		prefix: stay.Place.Name, written: newKeySet(),
	}}
	for i, n := range v.sys.nodes {
		v.sys.admin[n] = client.New(v.At[i])
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
	for i, h := range v.all {
		if h.Mode != leaderless.Mode {
			return external.Unfit("let lapse start one of its own with --set mode=..., without --at", "%s runs in mode %s; external clusters are driven in mode %s", v.At[i], h.Mode, leaderless.Mode)
		}
	}
	first, want := v.all[0], v.sys.cfg.Options[optReplication]
	if want != strconv.Itoa(first.Replication) {
		return external.Unfit(fmt.Sprintf("say so with --set %s=%d", optReplication, first.Replication), "it keeps %d replicas of a key, and not %s", first.Replication, want)
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

// connected is an error unless node is connected with all others of --at.
func (v *visit) connected(node string, h protocol.Health) error {
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
		got, err := v.sys.admin[n].Get(ctx, v.sys.readyKey(n), "QUORUM", "")
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

// Drop implements external.Driver: every key that was written is deleted.
func (v *visit) Drop(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i, key := range v.sys.written.all() {
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
			defer cancel()
			_, err := v.sys.admin[v.sys.nodes[i%len(v.sys.nodes)]].Delete(ctx, key, "QUORUM")
			var e *client.Error
			if err != nil && !(errors.As(err, &e) && e.Code == protocol.CodeNotFound) {
				return err
			}
			v.sys.written.remove(key)
			return nil
		})
	}
	return group.Wait()
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
func (v *visit) Version() string { return "quorumkv, leaderless, an external cluster" }

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
