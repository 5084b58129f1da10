package nemesis

import (
	"math/rand/v2"

	"github.com/lapse-test/lapse/targets/cluster"
)

const familyClients = "clients"

// clientCuts are faults of the network between clients and nodes, while the
// nodes reach each other.
func clientCuts() []kind {
	return []kind{{
		Info: Info{Name: "clients", Kind: familyClients, MinNodes: 1,
			Summary: "the clients cut off from one node, which its peers still reach"},
		pick: func(r *rand.Rand, nodes []string, s *Step) {
			node := nodes[r.IntN(len(nodes))]
			s.Nodes = []string{node}
			s.Cuts = linkTexts(cluster.Both(cluster.Clients, node))
		},
		check: func(nodes []string, s *Step) error {
			links, err := parseLinks(s.Cuts, append([]string{cluster.Clients}, nodes...))
			if err != nil {
				return err
			}
			for _, l := range links {
				if l.From != cluster.Clients && l.To != cluster.Clients {
					return usagef("link %s is not between %s and a node", l, cluster.Clients)
				}
			}
			return nil
		},
		act: func(s *Step) action { return newCut(familyClients, s) },
	}}
}
