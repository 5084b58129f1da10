package nemesis

import (
	"math/rand/v2"
	"strings"

	"github.com/lapse-test/lapse/targets/cluster"
)

const familyClients = "clients"

// clientCuts are faults of the network between clients and nodes, while the
// nodes reach each other.
func clientCuts() family {
	return family{kinds: []kind{{
		Info: Info{Name: "clients", Kind: familyClients, MinNodes: 1,
			Summary: "the clients cut off from one node, which its peers still reach"},
		grip: onLinks,
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
		act: func(s *Step) action {
			return &cut{family: familyClients, step: s, describe: func(s *Step) string {
				return "cut clients from " + strings.Join(s.Nodes, " ")
			}}
		},
	}}}
}
