package cluster

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Nodes are the nodes of one provider, by its own type for them. They are not changed once
// the cluster is open, so that the methods are safe for concurrent use.
type Nodes[N Node] []N

// All are the nodes as everybody else sees them, in their order.
func (ns Nodes[N]) All() []Node {
	out := make([]Node, len(ns))
	for i, n := range ns {
		out[i] = n
	}
	return out
}

// Named is the node with this name; the error lists those there are.
func (ns Nodes[N]) Named(name string) (Node, error) {
	names := make([]string, len(ns))
	for i, n := range ns {
		if names[i] = n.Name(); names[i] == name {
			return n, nil
		}
	}
	return nil, fmt.Errorf("there is no node %q; there are %s", name, strings.Join(names, ", "))
}

// Bind is Cluster.Bind where each node has an address of its own.
func (ns Nodes[N]) Bind(name string, port int) (string, error) {
	n, err := ns.Named(name)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(n.Address(), strconv.Itoa(port)), nil
}

// Route is Cluster.Route where each node has an address of its own, which is the same from
// everywhere.
func (ns Nodes[N]) Route(from, to string, port int) (string, error) {
	if from != Clients {
		if _, err := ns.Named(from); err != nil {
			return "", err
		}
	}
	return ns.Bind(to, port)
}

// KillTimeout is how long killed processes may take to be gone.
const KillTimeout = 30 * time.Second

// StopNode is Node.Stop of nodes that have processes: SIGTERM, and Kill when ctx is done.
// wake lets a paused process go on, which would never see the signal else.
func StopNode(ctx context.Context, n Node, wake func()) error {
	exited := n.Exited()
	_ = n.Signal(int(syscall.SIGTERM)) // there may be no process, or none any more
	wake()
	select {
	case <-exited:
	case <-ctx.Done():
	}
	// The deadline was for an orderly end; that of killed processes takes no such time.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), KillTimeout)
	defer cancel()
	return n.Kill(ctx)
}

// Names are those of the nodes with these indexes.
func Names(nodes []Node, indexes []int) []string {
	names := make([]string, len(indexes))
	for i, n := range indexes {
		names[i] = nodes[n].Name()
	}
	return names
}
