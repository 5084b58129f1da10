package docker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"

	dc "github.com/ory/dockertest/v3/docker"
	"golang.org/x/sync/errgroup"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/netspace"
	"github.com/lapse-test/lapse/targets/cluster/nft"
	"github.com/lapse-test/lapse/targets/cluster/owner"
)

// Open implements cluster.Provider.
func (p Provider) Open(ctx context.Context, spec cluster.Spec) (cluster.Cluster, error) {
	if err := spec.Check(); err != nil {
		return nil, fmt.Errorf("opening a cluster: %w", err)
	}
	if err := p.Available(ctx, spec); err != nil {
		return nil, fmt.Errorf("opening a cluster: %w", err)
	}
	e, err := p.connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("opening a cluster: %w", err)
	}
	// What earlier runs left is in nobody's way, so that a failure is no reason
	// not to run: `lapse clean` tells of it.
	_, _ = e.clean(ctx)

	c := &containers{engine: e, spec: spec, networkErr: errNotOpen}
	c.life, c.end = context.WithCancel(context.WithoutCancel(ctx))
	if err := c.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("opening a cluster: %w", err), c.Close(context.WithoutCancel(ctx)))
	}
	return c, nil
}

var errNotOpen = errors.New("the cluster is not open")

// containers is a cluster of containers on a network of their own.
type containers struct {
	engine *engine
	spec   cluster.Spec
	// id names this cluster's things, among all others' of this engine.
	id     string
	labels map[string]string
	dir    string // holds the nodes' directories, and is ours
	image  *dc.Image
	net    *dc.Network
	nodes  cluster.Nodes[*node]
	// life is done when the cluster is closed.
	life context.Context
	end  context.CancelFunc

	// network is what the links are cut with; networkErr says why there is none.
	network    netspace.Network
	networkErr error

	closeOnce sync.Once
	closeErr  error
}

func (c *containers) open(ctx context.Context) error {
	var err error
	if c.image, err = c.engine.image(ctx, c.spec.Container.Image, func(string) {}); err != nil {
		return err
	}
	me, err := owner.Self()
	if err != nil {
		return err
	}
	c.id = fmt.Sprintf("lapse-%s-%s", c.spec.Run, strings.ToLower(rand.Text()[:8]))
	c.labels = map[string]string{labelRun: c.spec.Run, labelOwner: me.String()}
	if err := c.chooseDir(); err != nil {
		return err
	}
	// The network comes first, and goes last: it says what else there is.
	if err := c.makeNetwork(ctx); err != nil {
		return err
	}
	if err := os.MkdirAll(c.dir, 0o711); err != nil {
		return fmt.Errorf("making the nodes' directories: %w", err)
	}
	for _, name := range c.spec.Nodes {
		n := &node{cluster: c, name: name, dir: filepath.Join(c.dir, name), logDir: filepath.Join(c.spec.LogDir, name)}
		if n.logDir, err = filepath.Abs(n.logDir); err != nil {
			return fmt.Errorf("making the directories of node %s: %w", name, err)
		}
		for _, d := range []string{n.dir, n.logDir} {
			if err := os.MkdirAll(d, 0o700); err != nil {
				return fmt.Errorf("making the directories of node %s: %w", name, err)
			}
		}
		c.nodes = append(c.nodes, n)
	}
	group, groupCtx := errgroup.WithContext(ctx)
	for _, n := range c.nodes {
		group.Go(func() error { return n.hold(groupCtx) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := c.shareFiles(ctx); err != nil {
		return err
	}
	return c.enter(ctx)
}

// chooseDir names the directory of the nodes' directories.
func (c *containers) chooseDir() error {
	parent := c.spec.Dir
	if parent == "" {
		parent = os.TempDir()
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return fmt.Errorf("making the nodes' directories: %w", err)
	}
	dir, err := filepath.Abs(filepath.Join(parent, c.id))
	if err != nil {
		return fmt.Errorf("making the nodes' directories: %w", err)
	}
	// The same path has to lead there in a container.
	if parent, err = filepath.EvalSymlinks(filepath.Dir(dir)); err != nil {
		return fmt.Errorf("making the nodes' directories: %w", err)
	}
	c.dir = filepath.Join(parent, c.id)
	return nil
}

func (c *containers) makeNetwork(ctx context.Context) error {
	labels := map[string]string{labelDir: c.dir, labelTable: c.id}
	for k, v := range c.labels {
		labels[k] = v
	}
	n, err := c.engine.pool.CreateNetwork(c.id, func(o *dc.CreateNetworkOptions) {
		o.Driver, o.Internal, o.CheckDuplicate, o.Labels, o.Context = "bridge", true, true, labels, ctx
	})
	if err != nil {
		return &cluster.EnvironmentError{
			Doing: "making a network of containers", Err: err,
			Way: "if the engine has no addresses left, remove networks that nobody uses (lapse clean, docker network prune)",
		}
	}
	// The answer lacks the addresses.
	if c.net, err = c.engine.client().NetworkInfo(n.Network.ID); err != nil {
		return fmt.Errorf("looking at the new network: %w", err)
	}
	return nil
}

// shareFiles gives the nodes' directories to the user that the database runs as.
func (c *containers) shareFiles(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return nil // then it runs as ours
	}
	who := c.spec.Container.User
	if who == "" && c.image.Config != nil {
		who, _, _ = strings.Cut(c.image.Config.User, ":")
	}
	if who == "" || who == "0" || who == "root" {
		return nil
	}
	out, err := c.nodes[0].run(ctx, c.nodes[0].holder, "", []string{"/bin/sh", "-c", `id -u "$0" && id -g "$0"`, who})
	var uid, gid int
	if err == nil {
		_, err = fmt.Sscan(string(out), &uid, &gid)
	}
	if err != nil {
		return &cluster.EnvironmentError{
			Doing: fmt.Sprintf("looking for the user %s in the image %s", who, c.spec.Container.Image),
			Err:   fmt.Errorf("%w: %s", err, out),
			Way:   "use an image that is made like the official one (--image)",
		}
	}
	for _, n := range c.nodes {
		n.uid, n.gid = uid, gid
		if err := n.giveAway(); err != nil {
			return err
		}
	}
	return nil
}

// enter opens the namespaces that links are cut in.
func (c *containers) enter(ctx context.Context) error {
	gateway, err := c.gateway()
	if err != nil {
		return err
	}
	here, err := netspace.Here()
	if err != nil {
		return err
	}
	ends := netspace.Network{{Name: cluster.Clients, Addr: gateway, Space: here, Firewall: nft.New(int(here.FD()), c.id)}}
	for _, n := range c.nodes {
		space, err := netspace.OfProcess(n.holderPid)
		if err != nil {
			for _, e := range ends {
				e.Space.Close()
			}
			c.networkErr = &cluster.EnvironmentError{
				Doing: "reaching into the network of containers",
				Err:   err,
				Way:   cutWay,
			}
			return nil //nolint:nilerr // kill and pause work all the same
		}
		ends = append(ends, netspace.End{Name: n.name, Addr: n.addr, Space: space, Firewall: nft.New(int(space.FD()), c.id)})
	}
	c.network, c.networkErr = ends, nil
	for _, n := range c.nodes {
		for _, l := range cluster.Both(cluster.Clients, n.name) {
			if err := c.network.Probe(ctx, l); err != nil {
				return &cluster.EnvironmentError{
					Doing: "reaching the containers", Err: err,
					Way: "see that this machine's firewall lets packets pass between it and the network " + c.id,
				}
			}
		}
	}
	return nil
}

// gateway is this machine's address on the network, which is the clients'.
func (c *containers) gateway() (netip.Addr, error) {
	for _, f := range c.net.IPAM.Config {
		if a, err := netip.ParseAddr(f.Gateway); err == nil && a.Is4() {
			return a, nil
		}
		if p, err := netip.ParsePrefix(f.Subnet); err == nil && p.Addr().Is4() {
			return p.Masked().Addr().Next(), nil // what the engine takes when it is not told
		}
	}
	return netip.Addr{}, fmt.Errorf("the network %s has no IPv4 address for this machine", c.id)
}

// Provider implements cluster.Cluster.
func (c *containers) Provider() string { return Name }

// Image implements cluster.Imaged.
func (c *containers) Image() string { return c.spec.Container.Image }

// Nodes implements cluster.Cluster.
func (c *containers) Nodes() []cluster.Node { return c.nodes.All() }

// Node implements cluster.Cluster.
func (c *containers) Node(name string) (cluster.Node, error) { return c.nodes.Named(name) }

// Bind implements cluster.Cluster.
func (c *containers) Bind(name string, port int) (string, error) { return c.nodes.Bind(name, port) }

// Route implements cluster.Cluster.
func (c *containers) Route(from, to string, port int) (string, error) {
	return c.nodes.Route(from, to, port)
}

// Network implements cluster.Cluster.
func (c *containers) Network() cluster.Network {
	if c.networkErr != nil {
		return noNetwork{c.networkErr}
	}
	return c.network
}

// noNetwork is a network that cannot be touched.
type noNetwork struct{ why error }

func (w noNetwork) Cut(context.Context, ...cluster.Link) error  { return w.why }
func (w noNetwork) Heal(context.Context, ...cluster.Link) error { return w.why }
func (w noNetwork) HealAll(context.Context) error               { return nil } // nothing is cut
func (w noNetwork) Drops(context.Context) (map[cluster.Link]cluster.Drops, error) {
	return nil, nil // nothing is cut
}
func (w noNetwork) Probe(context.Context, cluster.Link) error { return w.why }

// Disposable implements cluster.Disposable.
func (c *containers) Disposable() {}

// Close implements cluster.Cluster; further calls return what the first did.
func (c *containers) Close(ctx context.Context) error {
	c.closeOnce.Do(func() {
		errs := make([]error, len(c.nodes))
		var group sync.WaitGroup
		for i, n := range c.nodes {
			group.Go(func() {
				if err := n.close(ctx); err != nil {
					errs[i] = fmt.Errorf("node %s: %w", n.name, err)
				}
			})
		}
		group.Wait()
		if len(c.network) > 0 {
			errs = append(errs, c.network[0].Space.Hold(c.network[0].Firewall.AcceptAll))
		}
		for _, e := range c.network {
			e.Space.Close()
		}
		if c.dir != "" {
			errs = append(errs, os.RemoveAll(c.dir))
		}
		if c.net != nil {
			if err := c.engine.client().RemoveNetwork(c.net.ID); err != nil && !gone(err) {
				errs = append(errs, fmt.Errorf("removing the network %s: %w", c.id, err))
			}
		}
		c.end()
		if err := errors.Join(errs...); err != nil {
			c.closeErr = fmt.Errorf("closing a cluster: %w", err)
		}
	})
	return c.closeErr
}
