package sandbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/disk"
	"github.com/lapse-test/lapse/targets/cluster/netspace"
	"github.com/lapse-test/lapse/targets/cluster/nft"
)

// maxNodes is how many addresses a cluster's subnet has for nodes: .11 to .250.
const (
	firstHost = 11
	maxNodes  = 240
)

// Available implements cluster.Provider. Outside of the sandbox it makes one, a
// node in it and a cut, in some 50 ms, because only trying tells.
func (p Provider) Available(ctx context.Context, spec cluster.Spec) error {
	if len(spec.Nodes)+len(spec.Beside) > maxNodes {
		return &cluster.EnvironmentError{
			Doing: "using the sandbox",
			Err:   fmt.Errorf("%d nodes do not fit into one network", len(spec.Nodes)),
			Way:   fmt.Sprintf("use at most %d", maxNodes),
		}
	}
	if err := cluster.Unmet(p, spec); err != nil {
		return err
	}
	for _, o := range offers() {
		if o.here != nil && slices.Contains(spec.Needs, o.Capability) {
			if err := o.here(); err != nil {
				return err
			}
		}
	}
	if !Inside() {
		_, err := run(ctx, Options{}, &try{Needs: wordsOf(spec.Needs)})
		return err
	}
	if links := ofLinks(spec.Needs); len(links) > 0 {
		return tryOut(ctx, links)
	}
	return nil
}

// Open implements cluster.Provider. It works only inside, see Enter.
func (Provider) Open(ctx context.Context, spec cluster.Spec) (cluster.Cluster, error) {
	if err := spec.Check(); err != nil {
		return nil, fmt.Errorf("opening a cluster: %w", err)
	}
	if len(spec.Nodes)+len(spec.Beside) > maxNodes {
		return nil, fmt.Errorf("opening a cluster: %d nodes, at most %d fit into one network", len(spec.Nodes), maxNodes)
	}
	if !Inside() {
		return nil, errors.New("opening a cluster: this process is not in a sandbox; call sandbox.Enter first")
	}
	c := &sandboxed{spec: spec}
	if err := c.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("opening a cluster: %w", err), c.Close(context.WithoutCancel(ctx)))
	}
	return c, nil
}

// sandboxed is a cluster of network namespaces around a bridge.
type sandboxed struct {
	spec   cluster.Spec
	dir    string // holds the nodes' directories, and is ours
	forget func() // takes back removeOnEnd
	hub    *hub
	nodes  cluster.Nodes[*node] // those beside are the last
	net    *netspace.Shaped

	closeOnce sync.Once
	closeErr  error
}

func (c *sandboxed) open(ctx context.Context) error {
	if err := c.makeDir(); err != nil {
		return err
	}
	var err error
	if c.hub, err = newHub(c.spec.Run); err != nil {
		return err
	}
	for i, name := range slices.Concat(c.spec.Nodes, c.spec.Beside) {
		n := &node{name: name, dir: filepath.Join(c.dir, name), logDir: filepath.Join(c.spec.LogDir, name)}
		n.Limiter = n.newLimiter()
		for _, d := range []string{n.dir, n.logDir} {
			// A database may insist on a directory that is closed to others.
			if err := os.MkdirAll(d, 0o700); err != nil {
				return fmt.Errorf("making a directory of node %s: %w", name, err)
			}
		}
		if n.ns, err = netspace.New(); err != nil {
			return fmt.Errorf("node %s: %w", name, err)
		}
		c.nodes = append(c.nodes, n)
		if slices.Contains(c.spec.Needs, cluster.Disks) && i < len(c.spec.Nodes) {
			if err := c.mount(ctx, n); err != nil {
				return fmt.Errorf("node %s: %w", name, err)
			}
		}
		n.addr = c.hub.host(firstHost + i)
		if err := c.hub.connect(n.ns, name, nodeInterface, n.addr); err != nil {
			return err
		}
		n.fw = nft.New(int(n.ns.FD()), c.hub.table)
	}
	c.makeNetwork()
	if err := c.ready(ctx); err != nil {
		return err
	}
	if err := c.net.Can(ctx, ofLinks(c.spec.Needs)); err != nil {
		return err
	}
	return c.net.Begin(ctx)
}

// mount puts a disk that can be broken below the directory of n.
func (c *sandboxed) mount(ctx context.Context, n *node) error {
	backing := filepath.Join(c.dir, n.name+".disk") // no node's name has a dot
	if err := os.Mkdir(backing, 0o700); err != nil {
		return fmt.Errorf("making a disk: %w", err)
	}
	var err error
	n.disk, err = disk.Mount(ctx, disk.Options{Backing: backing, Mount: n.dir, Log: filepath.Join(n.logDir, disk.LogName), Trusted: true})
	return err
}

// ready waits until packets pass. It looks first and probes then: a packet that
// comes too early costs a second, until the kernel resolves the address again.
func (c *sandboxed) ready(ctx context.Context) error {
	for _, n := range c.nodes {
		if err := awaitUp(ctx, n.ns, nodeInterface); err != nil {
			return fmt.Errorf("node %s: %w", n.name, err)
		}
	}
	if err := c.hub.awaitUp(ctx); err != nil {
		return err
	}
	for _, n := range c.nodes {
		for _, l := range cluster.Both(cluster.Clients, n.name) {
			if err := c.Network().Probe(ctx, l); err != nil {
				return fmt.Errorf("the new network does not carry packets: %w", err)
			}
		}
	}
	return nil
}

func (c *sandboxed) makeDir() error {
	parent := c.spec.Dir
	if parent == "" {
		parent = Private()
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return fmt.Errorf("making the nodes' directories: %w", err)
	}
	dir, err := filepath.Abs(filepath.Join(parent, "lapse-"+c.spec.Run+"-"+rand.Text()))
	if err != nil {
		return fmt.Errorf("making the nodes' directories: %w", err)
	}
	if c.spec.Dir != "" {
		if c.forget, err = removeOnEnd(dir); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("making the nodes' directories: %w", err)
	}
	c.dir = dir
	return nil
}

// Provider implements cluster.Cluster.
func (c *sandboxed) Provider() string { return Name }

// Nodes implements cluster.Cluster: those beside them are not among them.
func (c *sandboxed) Nodes() []cluster.Node { return c.nodes[:len(c.spec.Nodes)].All() }

// Node implements cluster.Cluster.
func (c *sandboxed) Node(name string) (cluster.Node, error) { return c.nodes.Named(name) }

// Bind implements cluster.Cluster.
func (c *sandboxed) Bind(name string, port int) (string, error) { return c.nodes.Bind(name, port) }

// Route implements cluster.Cluster.
func (c *sandboxed) Route(from, to string, port int) (string, error) {
	return c.nodes.Route(from, to, port)
}

func (c *sandboxed) makeNetwork() {
	ends := netspace.Network{{Name: cluster.Clients, Addr: c.hub.addr, Space: c.hub.ns, Firewall: c.hub.fw}}
	for _, n := range c.nodes {
		ends = append(ends, netspace.End{Name: n.name, Addr: n.addr, Space: n.ns, Firewall: n.fw})
	}
	// The clients of all clusters in this sandbox have one network namespace.
	c.net = netspace.NewShaped(ends, c.hub.table+"-shape", uint16(c.hub.number), c.spec.Links)
}

// Network implements cluster.Cluster.
func (c *sandboxed) Network() cluster.Network { return c.net }

// Disposable implements cluster.Disposable.
func (c *sandboxed) Disposable() {}

// Close implements cluster.Cluster; further calls return what the first did.
func (c *sandboxed) Close(ctx context.Context) error {
	c.closeOnce.Do(func() {
		var errs []error
		for _, n := range c.nodes {
			if err := n.close(ctx); err != nil {
				errs = append(errs, fmt.Errorf("node %s: %w", n.name, err))
			}
		}
		if c.net != nil {
			errs = append(errs, c.net.Close())
		}
		if c.hub != nil {
			errs = append(errs, c.hub.close())
		}
		for _, n := range c.nodes {
			n.ns.Close()
		}
		if c.dir != "" {
			errs = append(errs, os.RemoveAll(c.dir))
		}
		if c.forget != nil {
			c.forget()
		}
		if err := errors.Join(errs...); err != nil {
			c.closeErr = fmt.Errorf("closing a cluster: %w", err)
		}
	})
	return c.closeErr
}
