package launch

import (
	"fmt"
	"net"

	"github.com/lapse-test/lapse/targets/cluster"
)

// Listen is where the server of node i has to listen, to be reached at port.
func (f *Fleet) Listen(i, port int) (host, number string, err error) {
	addr, err := f.Cluster.Bind(f.Nodes[i].Name(), port)
	return f.split(i, addr, err)
}

// Way is by which address the server of node i reaches port of node to.
func (f *Fleet) Way(i, to, port int) (host, number string, err error) {
	addr, err := f.Cluster.Route(f.Nodes[i].Name(), f.Nodes[to].Name(), port)
	return f.split(i, addr, err)
}

func (f *Fleet) split(i int, addr string, err error) (host, number string, _ error) {
	if err == nil {
		host, number, err = net.SplitHostPort(addr)
	}
	if err != nil {
		return "", "", fmt.Errorf("configuring %s: %w", f.Nodes[i].Name(), err)
	}
	return host, number, nil
}

// Addr is the host:port by which clients reach port of node i.
func (f *Fleet) Addr(i, port int) (string, error) {
	return f.Cluster.Route(cluster.Clients, f.Nodes[i].Name(), port)
}

// Addrs are those of all nodes.
func (f *Fleet) Addrs(port int) ([]string, error) {
	out := make([]string, len(f.Nodes))
	for i := range out {
		var err error
		if out[i], err = f.Addr(i, port); err != nil {
			return nil, fmt.Errorf("finding the way to %s: %w", f.Nodes[i].Name(), err)
		}
	}
	return out, nil
}
