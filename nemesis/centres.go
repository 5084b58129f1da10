package nemesis

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/nemesis/faults"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

// betweenCentres is the fault of the network between data centres: in each of them
// every node reaches every other one.
func betweenCentres() kind {
	return kind{
		Info: Info{Name: faults.PartitionCentres, Kind: familyPartition, Detected: true, MinNodes: 2, Operator: operatorCuts(),
			Needs: []ability.Ability{ability.Centres}, Summary: "the data centres cut off from each other"},
		grip:  onLinks,
		pick:  func(_ *rand.Rand, _ []string, _ *Step) {},
		check: checkPrimary,
		act: func(s *Step) action {
			return &centresCut{cut: cut{family: familyPartition, step: s, describe: nameSides}}
		},
	}
}

// centresCut is a cut whose links are found when it is injected.
type centresCut struct{ cut }

func (c *centresCut) aim(ctx context.Context, s *scene, f *history.Fault) error {
	f.Kind, f.Name = c.family, "cut the data centres"
	d, ok := s.System.(ability.DataCentred)
	if !ok {
		return usagef("the target has no data centres")
	}
	members := map[string][]string{}
	of := d.DataCentres()
	for _, node := range s.nodes {
		members[of[node]] = append(members[of[node]], node)
	}
	names := slices.Sorted(maps.Keys(members))
	if len(names) < 2 {
		return usagef("there is one data centre, and so no link between two")
	}
	at := *c.step
	var sides []string
	for i, name := range names {
		at.Groups = append(at.Groups, members[name])
		sides = append(sides, fmt.Sprintf("%s (%s)", name, strings.Join(members[name], " ")))
		for _, other := range names[i+1:] {
			for _, x := range members[name] {
				for _, y := range members[other] {
					at.Cuts = append(at.Cuts, linkTexts(cluster.Both(x, y))...)
				}
			}
		}
	}
	at.Nodes = members[names[0]]
	c.step = &at
	if err := c.cut.aim(ctx, s, f); err != nil {
		return err
	}
	f.Name = "cut " + strings.Join(sides, " | ")
	return nil
}
