package quorumkv

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"

	"github.com/lapse-test/lapse/quorumkv/certs"
	"github.com/lapse-test/lapse/quorumkv/certs/authority"
	"github.com/lapse-test/lapse/quorumkv/client"
)

// secured is what nodes and clients show each other; it is empty where connections are plain text.
type secured struct {
	client *tls.Config
	nodes  map[string]certs.Files
}

// args are a node's flags for it.
func (s secured) args(node string) []string {
	f, ok := s.nodes[node]
	if !ok {
		return nil
	}
	return []string{"--tls-cert", f.Cert, "--tls-key", f.Key, "--tls-ca", f.CA}
}

// certify makes an authority for this run, and has it sign for each node, whose addresses for clients are given in their order, at all addresses at which it is reached, and for the
// run's clients. Nodes' keys are in their directories, which go with the run.
func (s *System) certify(addrs []string) (out secured, err error) {
	a, err := authority.New()
	if err != nil {
		return out, err
	}
	out.nodes = map[string]certs.Files{}
	for i, n := range s.Nodes {
		at := []string{addrs[i]}
		for _, from := range s.Nodes {
			if from.Name() == n.Name() {
				continue
			}
			addr, err := s.Cluster.Route(from.Name(), n.Name(), port)
			if err != nil {
				return out, fmt.Errorf("finding the way from %s to %s: %w", from.Name(), n.Name(), err)
			}
			at = append(at, addr)
		}
		var hosts []string
		for _, addr := range at {
			host, _, err := net.SplitHostPort(addr)
			if err != nil {
				return out, fmt.Errorf("reading the address of %s: %w", n.Name(), err)
			}
			hosts = append(hosts, host)
		}
		if out.nodes[n.Name()], err = a.Issue(n.Dir(), n.Name(), hosts); err != nil {
			return out, err
		}
	}
	out.client, err = a.Client("lapse")
	return out, err
}

// client is one of a node at this address, whose connections are made by dial.
func (s *System) client(addr string, dial func(ctx context.Context, network, addr string) (net.Conn, error)) *client.Client {
	return client.NewSecure(addr, s.secure.client, dial)
}
