package sandbox

import (
	"slices"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/disk"
	"github.com/lapse-test/lapse/targets/cluster/netspace"
)

// offer is a capability of nodes here, or of their network.
type offer struct {
	cluster.Capability
	// here says why this machine does not let a sandbox have it, nil if it does as far as can
	// be seen without a node; a nil function where only a node can tell (see tryOut).
	here func() error
}

// offers are all that a sandbox can have.
func offers() []offer {
	out := []offer{
		{cluster.Disks, disk.Available},
		{cluster.Throttles, throttles},
		{cluster.Limits, nil},
	}
	for _, c := range netspace.Capabilities() {
		out = append(out, offer{c, nil})
	}
	return out
}

// Capabilities implements cluster.Capable.
func (Provider) Capabilities(cluster.Spec) (out []cluster.Capability) {
	for _, o := range offers() {
		out = append(out, o.Capability)
	}
	return out
}

// ofLinks are those among needs that the network has, and not the nodes.
func ofLinks(needs []cluster.Capability) []cluster.Capability {
	return slices.DeleteFunc(slices.Clone(needs), func(c cluster.Capability) bool {
		return !slices.Contains(netspace.Capabilities(), c)
	})
}

// wordsOf is how needs are told to another process, and inWords how it understands them.
func wordsOf(needs []cluster.Capability) (out []string) {
	for _, c := range needs {
		out = append(out, c.String())
	}
	return out
}

func inWords(words []string) []cluster.Capability {
	return slices.DeleteFunc(Provider{}.Capabilities(cluster.Spec{}), func(c cluster.Capability) bool {
		return !slices.Contains(words, c.String())
	})
}
