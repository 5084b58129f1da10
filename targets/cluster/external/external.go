// Package external is for external clusters, which are there already and which lapse does not
// run: nodes are addresses, nothing is started, and what is broken is broken by
// commands that the operator of the cluster gives.
//
// What can be seen of such a node is what its address answers. A node runs if it
// answers in the database's own protocol (Spec.Alive); one that refuses
// connections is stopped; one that accepts them, or swallows them, and says
// nothing is paused, unless the operator's own command killed it.
package external

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

// Name is the provider's name.
const Name = "external"

// Provider opens clusters that are there; the zero value is ready.
type Provider struct {
	// Finder finds nodes without addresses; nil finds none.
	Finder cluster.Finder
}

var (
	_ cluster.Provider = Provider{}
	_ cluster.Finder   = Provider{}
)

// Finds implements cluster.Finder.
func (p Provider) Finds(at string) bool { return p.Finder != nil && p.Finder.Finds(at) }

// Find implements cluster.Finder.
func (p Provider) Find(ctx context.Context, at string) (*cluster.Found, error) {
	if p.Finder == nil {
		return nil, &cluster.MarkError{Text: "nodes are found by their addresses alone"}
	}
	return p.Finder.Find(ctx, at)
}

// Name is "external".
func (Provider) Name() string { return Name }

// knockTimeout is how long a node may take to give a sign of life.
const knockTimeout = 2 * time.Second

// errNoAddresses is about a Spec for nodes that are to be made.
var errNoAddresses = errors.New("no addresses were given")

// Available implements cluster.Provider: every node gives a sign of life.
func (p Provider) Available(ctx context.Context, spec cluster.Spec) error {
	if err := cluster.Unmet(p, spec); err != nil {
		return err
	}
	if len(spec.At) == 0 || len(spec.At) != len(spec.Nodes) || spec.Alive == nil {
		return &cluster.EnvironmentError{Doing: "using the provider external", Err: errNoAddresses, Way: "say where the cluster is with --at"}
	}
	answers := make(chan error, len(spec.At))
	for _, addr := range spec.At {
		go func() {
			ctx, cancel := context.WithTimeout(ctx, knockTimeout)
			defer cancel()
			if err := spec.Alive(ctx, addr); err != nil {
				answers <- fmt.Errorf("%s %s", addr, describe(err))
				return
			}
			answers <- nil
		}()
	}
	var errs []string
	for range spec.At {
		if err := <-answers; err != nil {
			errs = append(errs, err.Error())
		}
	}
	if len(errs) > 0 {
		slices.Sort(errs)
		way := "see whether the address is right, the database is up, and no firewall is between"
		if spec.Operator.Supervised() != nil {
			way += "; pods are reached from inside their cluster alone: run lapse there, as docs/kubernetes.md has it"
		}
		return &cluster.EnvironmentError{Doing: "looking for the nodes of --at", Err: errors.New(strings.Join(errs, "; ")), Way: way}
	}
	return nil
}

// Open implements cluster.Provider. Every probe that the operator gave is tried
// once: one that fails while nothing is broken can prove nothing.
func (p Provider) Open(ctx context.Context, spec cluster.Spec) (cluster.Cluster, error) {
	if err := spec.Check(); err != nil {
		return nil, fmt.Errorf("opening a cluster: %w", err)
	}
	if err := p.Available(ctx, spec); err != nil {
		return nil, err
	}
	op := spec.Operator
	if op == nil {
		op = &cluster.Operator{}
	}
	c := &external{operator: op, carry: spec.Carry, at: map[string]string{}}
	c.net = &network{cluster: c, cut: map[string][]string{}}
	for i, name := range spec.Nodes {
		n := &node{
			cluster: c, name: name, addr: spec.At[i], alive: spec.Alive,
			logDir: filepath.Join(spec.LogDir, name), exited: make(chan struct{}),
		}
		c.nodes, c.at[name] = append(c.nodes, n), spec.At[i]
	}
	if err := c.net.tryProbes(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// external is a cluster.Cluster.
type external struct {
	operator *cluster.Operator
	carry    func(ctx context.Context, node, command string, peers []string) error
	nodes    cluster.Nodes[*node]
	// at are the nodes' addresses.
	at  map[string]string
	net *network
}

var (
	_ cluster.Patient = (*external)(nil)
	_ cluster.Holder  = (*external)(nil)
)

// Provider implements cluster.Cluster.
func (*external) Provider() string { return Name }

// Patience implements cluster.Patient.
func (c *external) Patience() time.Duration { return c.operator.Timeout }

// Lost implements cluster.Holder: what commands of a shell have done holds by itself.
func (c *external) Lost(ctx context.Context, node string, since time.Time) error {
	if h, ok := c.operator.Carrier.(cluster.Holder); ok {
		return h.Lost(ctx, node, since)
	}
	return nil
}

// Nodes implements cluster.Cluster.
func (c *external) Nodes() []cluster.Node { return c.nodes.All() }

// Node implements cluster.Cluster.
func (c *external) Node(name string) (cluster.Node, error) { return c.nodes.Named(name) }

// Bind implements cluster.Cluster: nothing of ours listens there.
func (*external) Bind(node string, _ int) (string, error) {
	return "", fmt.Errorf("binding a port on %s: it is a node of an external cluster", node)
}

// Route implements cluster.Cluster. A node has one address, whatever the port.
func (c *external) Route(_, to string, _ int) (string, error) {
	if _, err := c.Node(to); err != nil {
		return "", err
	}
	return c.at[to], nil
}

// Network implements cluster.Cluster.
func (c *external) Network() cluster.Network { return c.net }

// Close implements cluster.Cluster: what is still cut is healed. Processes are
// left as they are.
func (c *external) Close(ctx context.Context) error {
	err := c.net.HealAll(ctx)
	if by := c.operator.Carrier; by != nil {
		err = errors.Join(err, by.Close(ctx))
	}
	return err
}

// host is the part of an address before the port.
func host(addr string) string {
	h, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return h
}
