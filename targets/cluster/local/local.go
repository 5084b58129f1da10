// Package local runs a cluster as ordinary processes on this machine's loopback
// interface, where Linux namespaces cannot be had. Every link between two nodes,
// and between the clients and a node, leads through a proxy in the harness that
// can be cut in either direction; so it serves only targets whose nodes can be
// given another address for each of their peers, and only TCP.
//
// How it differs from a real network:
//
//   - A connection that is opened while its link is cut, in either direction, is
//     accepted and then silent (a dropped SYN would be silent before).
//   - Nothing is retransmitted: a connection that lost something to a cut is reset
//     when both its directions are whole again. A stream never has a hole and
//     nothing arrives late.
//   - If the node's process does not listen, the connection is reset rather than
//     refused.
//
// Every process of a node has a supervisor: this binary once more, which holds
// the end of a pipe and, when the harness is gone, kills all that its process
// started, on Linux whatever became of it (a child subreaper), elsewhere the
// process group. Another one removes the nodes' directories when all of them have
// ended. So nothing is left after kill -9 of the harness. A process of a binary
// that imports this package takes that role before main is reached.
package local

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/lapse-test/lapse/internal/ports"
	"github.com/lapse-test/lapse/targets/cluster"
)

// Name is the provider's name.
const Name = "local"

const loopback = "127.0.0.1"

// errClosed is what the operations of a closed cluster return.
var errClosed = errors.New("the cluster is closed")

// Provider makes clusters of processes on loopback; the zero value is ready. It
// is safe for concurrent use.
type Provider struct{}

var _ cluster.Provider = Provider{}

// Name is "local".
func (Provider) Name() string { return Name }

// Available implements cluster.Provider.
func (p Provider) Available(_ context.Context, spec cluster.Spec) error {
	if unproxied(spec) {
		return &cluster.EnvironmentError{
			Doing: "using the local provider",
			Err:   errors.New("this database's nodes know each other by one address, so that the links between them cannot lead through proxies"),
			Way:   "use --provider sandbox (Linux namespaces) or --provider docker, or a single node",
		}
	}
	return cluster.Unmet(p, spec)
}

// unproxied says that links cannot lead through proxies, since nodes know each other by one
// address each.
func unproxied(spec cluster.Spec) bool { return len(spec.Nodes) > 1 && !spec.LinkByLink }

// Open implements cluster.Provider.
func (p Provider) Open(ctx context.Context, spec cluster.Spec) (cluster.Cluster, error) {
	if err := spec.Check(); err != nil {
		return nil, fmt.Errorf("opening a cluster: %w", err)
	}
	if err := p.Available(ctx, spec); err != nil {
		return nil, fmt.Errorf("opening a cluster: %w", err)
	}
	c := &localCluster{spec: spec, net: newNetwork(spec.Nodes, spec.Links), ports: map[endpoint]*ports.Reservation{}, proxies: map[route]*proxy{}}
	if err := c.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("opening a cluster: %w", err), c.Close(context.WithoutCancel(ctx)))
	}
	return c, nil
}

// endpoint is a port of a node, as the database numbers it.
type endpoint struct {
	node string
	port int
}

// route leads from a node or the clients to an endpoint.
type route struct {
	from string
	to   endpoint
}

type localCluster struct {
	spec    cluster.Spec
	dir     string
	janitor *janitor
	nodes   cluster.Nodes[*node]
	net     *network
	ports   map[endpoint]*ports.Reservation
	proxies map[route]*proxy

	closeOnce sync.Once
	closeErr  error
}

func (c *localCluster) open() error {
	if err := c.makeDir(); err != nil {
		return err
	}
	for _, name := range c.spec.Nodes {
		n := &node{
			name: name, dir: filepath.Join(c.dir, name), logDir: filepath.Join(c.spec.LogDir, name), janitor: c.janitor,
		}
		n.limiter = n.newLimiter()
		for _, d := range []string{n.dir, n.logDir} {
			// A database may insist on a directory that is closed to others.
			if err := os.MkdirAll(d, 0o700); err != nil {
				return fmt.Errorf("making a directory of node %s: %w", name, err)
			}
		}
		c.nodes = append(c.nodes, n)
		for _, port := range c.spec.Ports {
			r, err := ports.Reserve()
			if err != nil {
				return fmt.Errorf("node %s: %w", name, err)
			}
			c.ports[endpoint{name, port}] = r
		}
	}
	for to, r := range c.ports {
		for _, from := range append([]string{cluster.Clients}, c.spec.Nodes...) {
			if from == to.node {
				continue
			}
			p, err := newProxy(c.net, from, to.node, r.Addr())
			if err != nil {
				return fmt.Errorf("the way from %s to %s: %w", from, to.node, err)
			}
			c.proxies[route{from, to}] = p
		}
	}
	return nil
}

// makeDir starts the process that will remove the directory before there is one.
func (c *localCluster) makeDir() error {
	parent := c.spec.Dir
	if parent == "" {
		parent = os.TempDir()
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return fmt.Errorf("making the nodes' directories: %w", err)
	}
	dir, err := filepath.Abs(filepath.Join(parent, "lapse-"+c.spec.Run+"-"+rand.Text()))
	if err != nil {
		return fmt.Errorf("making the nodes' directories: %w", err)
	}
	if c.janitor, err = startJanitor(dir); err != nil {
		return err
	}
	c.dir = dir
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("making the nodes' directories: %w", err)
	}
	return nil
}

// Provider implements cluster.Cluster.
func (c *localCluster) Provider() string { return Name }

// Nodes implements cluster.Cluster.
func (c *localCluster) Nodes() []cluster.Node { return c.nodes.All() }

// Node implements cluster.Cluster.
func (c *localCluster) Node(name string) (cluster.Node, error) { return c.nodes.Named(name) }

// Bind implements cluster.Cluster: a port of the machine stands for each of Spec.Ports.
func (c *localCluster) Bind(name string, port int) (string, error) {
	if _, err := c.Node(name); err != nil {
		return "", err
	}
	r, ok := c.ports[endpoint{name, port}]
	if !ok {
		return "", fmt.Errorf("port %d of %s is not in Spec.Ports (%v)", port, name, c.spec.Ports)
	}
	return r.Addr(), nil
}

// Route implements cluster.Cluster: from everywhere else the way leads through a proxy.
func (c *localCluster) Route(from, to string, port int) (string, error) {
	if from != cluster.Clients {
		if _, err := c.Node(from); err != nil {
			return "", err
		}
	}
	direct, err := c.Bind(to, port)
	if err != nil || from == to {
		return direct, err
	}
	return c.proxies[route{from, endpoint{to, port}}].addr(), nil
}

// Network implements cluster.Cluster.
func (c *localCluster) Network() cluster.Network { return c.net }

// Disposable implements cluster.Disposable.
func (c *localCluster) Disposable() {}

// Close implements cluster.Cluster; further calls return what the first did.
func (c *localCluster) Close(ctx context.Context) error {
	c.closeOnce.Do(func() {
		var errs []error
		for _, n := range c.nodes {
			errs = append(errs, n.close(ctx))
		}
		for _, p := range c.proxies {
			p.close()
		}
		c.net.close()
		for _, r := range c.ports {
			r.Release()
		}
		if c.janitor != nil {
			errs = append(errs, c.janitor.end(ctx))
		}
		if err := errors.Join(errs...); err != nil {
			c.closeErr = fmt.Errorf("closing a cluster: %w", err)
		}
	})
	return c.closeErr
}

func hostPort(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }
