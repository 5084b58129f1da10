package nemesis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/nemesis/faults"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

const familyPartition = "partition"

// partitions are faults of the network between the nodes. Clients reach every
// node all the time, as they would through another network: what is tested is
// what a node answers that is cut off from its peers.
func partitions() family {
	return family{
		doing:   "healing the network",
		restore: func(ctx context.Context, s *scene) error { return s.Cluster.Network().HealAll(ctx) },
		kinds: []kind{
			{
				Info: Info{Name: faults.Partition, Kind: familyPartition, Detected: true, MinNodes: 2, Operator: operatorCuts(),
					Summary: "a mix of the partitions below that fit the cluster"},
				grip: onLinks,
				mix: []string{faults.PartitionOne, faults.PartitionHalves, "partition-majority", "partition-ring",
					"partition-bridge", faults.PartitionPrimary, faults.PartitionOneWay},
			},
			splitting(faults.PartitionOne, "one node cut off from all others", 2, nameIsolated, func(r *rand.Rand, nodes []string, s *Step) {
				isolate(nodes[r.IntN(len(nodes))], nodes, s)
			}),
			splitting(faults.PartitionHalves, "two halves that cannot reach each other", 2, nameSides, func(r *rand.Rand, nodes []string, s *Step) {
				order := shuffled(r, nodes)
				// Of an odd number, the odd one goes to either side.
				half := (len(order) + r.IntN(2)) / 2
				split(s, nodes, order[:half], order[half:])
			}),
			splitting("partition-majority", "a minority, of one node or more, cut off from a majority", 3, nameSides, func(r *rand.Rand, nodes []string, s *Step) {
				order := shuffled(r, nodes)
				minority := 1 + r.IntN((len(order)-1)/2)
				split(s, nodes, order[:minority], order[minority:])
			}),
			splitting("partition-ring", "every node sees a majority, and no two see the same one", 4, nameRing, ring),
			splitting("partition-bridge", "two groups that only one node between them can reach", 3, nameBridge, func(r *rand.Rand, nodes []string, s *Step) {
				order := shuffled(r, nodes)
				bridge, rest := order[0], order[1:]
				half := (len(rest) + r.IntN(2)) / 2
				split(s, nodes, rest[:half], rest[half:])
				s.Nodes = []string{bridge}
				s.Groups = append(s.Groups, s.Nodes)
			}),
			{
				Info: Info{Name: faults.PartitionPrimary, Kind: familyPartition, Detected: true, MinNodes: 2, Operator: operatorCuts(),
					Needs: []ability.Ability{ability.Primary}, Summary: "the node that takes the writes at the time cut off from all others"},
				grip:  onLinks,
				pick:  func(*rand.Rand, []string, *Step) {},
				check: checkPrimary,
				act: func(s *Step) action {
					return &cut{family: familyPartition, step: s, isolatePrimary: true}
				},
			},
			betweenCentres(),
			oneWay(),
		},
	}
}

// operatorCuts are the commands that a partition of an external cluster needs.
func operatorCuts() []string {
	return []string{cluster.CommandCut, cluster.CommandHeal, cluster.CommandProbe}
}

// splitting is a partition whose links are drawn when the schedule is made, and cut
// in both directions.
func splitting(name, summary string, least int, describe func(*Step) string, pick func(*rand.Rand, []string, *Step)) kind {
	return kind{
		Info: Info{Name: name, Kind: familyPartition, Detected: true, Summary: summary, MinNodes: least, Operator: operatorCuts()},
		grip: onLinks, pick: pick, check: checkCuts,
		act: func(s *Step) action { return &cut{family: familyPartition, step: s, describe: describe} },
	}
}

func oneWay() kind {
	k := splitting(faults.PartitionOneWay, "one node that cannot send to its peers, or one that hears nothing from them", 2, nameOneWay,
		func(r *rand.Rand, nodes []string, s *Step) {
			node := nodes[r.IntN(len(nodes))]
			mute := r.IntN(2) == 0
			s.Nodes = []string{node}
			for _, peer := range nodes {
				switch {
				case peer == node:
				case mute:
					s.Cuts = append(s.Cuts, cluster.Link{From: node, To: peer}.String())
				default:
					s.Cuts = append(s.Cuts, cluster.Link{From: peer, To: node}.String())
				}
			}
		})
	k.Operator, k.NotExternal = nil, "the commands of an operator cut both directions; use another partition"
	return k
}

// isolate cuts node off from all others, in both directions.
func isolate(node string, nodes []string, s *Step) {
	rest := slices.DeleteFunc(slices.Clone(nodes), func(n string) bool { return n == node })
	split(s, nodes, []string{node}, rest)
	s.Nodes = []string{node}
}

// split cuts every link between two groups.
func split(s *Step, nodes, a, b []string) {
	s.Groups = [][]string{inOrder(nodes, a), inOrder(nodes, b)}
	for _, x := range s.Groups[0] {
		for _, y := range s.Groups[1] {
			s.Cuts = append(s.Cuts, linkTexts(cluster.Both(x, y))...)
		}
	}
	s.Nodes = s.Groups[0]
}

// ring puts the nodes on a circle in random order and leaves to each the links
// to as many neighbours, the same number on both sides, as it takes for a
// majority together with itself.
func ring(r *rand.Rand, nodes []string, s *Step) {
	order := shuffled(r, nodes)
	n := len(order)
	majority := n/2 + 1
	reach := majority / 2 // (majority-1)/2, rounded up
	for i := range n {
		for j := i + 1; j < n; j++ {
			if apart := min(j-i, n-(j-i)); apart > reach {
				s.Cuts = append(s.Cuts, linkTexts(cluster.Both(order[i], order[j]))...)
			}
		}
	}
	s.Nodes = order
}

func shuffled(r *rand.Rand, nodes []string) []string {
	out := slices.Clone(nodes)
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// inOrder is some in the order of nodes.
func inOrder(nodes, some []string) []string {
	return slices.DeleteFunc(slices.Clone(nodes), func(n string) bool { return !slices.Contains(some, n) })
}

// What cuts are called, for people.

func nameIsolated(s *Step) string { return "isolate " + strings.Join(s.Nodes, " ") }

func nameRing(s *Step) string { return "ring of majorities " + strings.Join(s.Nodes, " ") }

func nameSides(s *Step) string {
	if len(s.Groups) == 0 { // written by hand
		return "cut " + strings.Join(s.Cuts, " ")
	}
	sides := make([]string, len(s.Groups))
	for i, g := range s.Groups {
		sides[i] = strings.Join(g, " ")
	}
	return strings.Join(sides, " | ")
}

func nameBridge(s *Step) string {
	if len(s.Groups) != 3 {
		return nameSides(s)
	}
	return fmt.Sprintf("%s | %s, bridge %s", strings.Join(s.Groups[0], " "), strings.Join(s.Groups[1], " "), strings.Join(s.Groups[2], " "))
}

func nameOneWay(s *Step) string {
	if len(s.Nodes) == 1 && len(s.Cuts) > 0 && strings.HasPrefix(s.Cuts[0], s.Nodes[0]+">") {
		return "block outbound traffic of " + s.Nodes[0]
	}
	return "block inbound traffic of " + strings.Join(s.Nodes, " ")
}

// checkCuts checks a step whose links between nodes stand in it.
func checkCuts(nodes []string, s *Step) error {
	_, err := parseLinks(s.Cuts, nodes)
	return err
}

// checkPrimary checks a step whose node is found when it is carried out.
func checkPrimary(_ []string, s *Step) error {
	if len(s.Nodes)+len(s.Cuts) > 0 {
		return usagef("fault %s finds its node when it is injected; leave nodes and cuts out", s.Fault)
	}
	return nil
}
