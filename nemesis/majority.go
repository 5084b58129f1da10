package nemesis

import (
	"context"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

// claimSeat is what a fault claims of a node that it takes out of the cluster: until it is in again the others decide without it.
const claimSeat = "seat among the members"

// seats are the nodes of which some of claims are the seats.
func seats(claims []claim) (out []string) {
	for _, c := range claims {
		if c.what == claimSeat {
			out = append(out, c.node)
		}
	}
	return out
}

// company is who is left of a cluster at some moment.
type company struct {
	nodes []string
	// out are no members, away do not run, and cut carries nothing.
	out, away []string
	cut       func(cluster.Link) bool
	// lost are how many more do not take part, of which it is not known who they are.
	lost int
}

// staying are the members.
func (c *company) staying() []string {
	return slices.DeleteFunc(slices.Clone(c.nodes), func(n string) bool { return slices.Contains(c.out, n) })
}

// most is how many members can go on together at most: one of them that runs, and those that run and that it reaches, both ways.
func (c *company) most() int {
	most := 0
	members := c.staying()
	for _, a := range members {
		reached := 0
		for _, b := range members {
			apart := a != b && slices.ContainsFunc(cluster.Both(a, b), c.cut)
			if !apart && !slices.Contains(c.away, a) && !slices.Contains(c.away, b) {
				reached++
			}
		}
		most = max(most, reached)
	}
	return max(0, most-c.lost)
}

// goesOn tells whether a majority is left of the members, and if one of those that are out was one until now, of those before, too.
func (c *company) goesOn(leaving bool) bool {
	before := len(c.staying())
	if leaving {
		before++
	}
	return c.most() > before/2
}

// spares says why w may not begin, nil if it may. While a member is out, or with it out, a majority of the others must be left that run and reach
// each other. Without one some wait for an operator for good (Galera's, unless all of the last ones come together again), and to
// others nobody can be added until it is back: what followed would be no fault of the database's, and no test of a change of members.
func (s *scene) spares(ctx context.Context, w *window) error {
	m, ok := s.System.(ability.MajorityBound)
	if !ok {
		return nil
	}
	leaving := len(seats(w.claims)) > 0
	c := company{nodes: s.nodes, cut: func(l cluster.Link) bool {
		return s.ledger.isCut(l) || slices.Contains(w.fault.Cuts, l.String())
	}}
	for _, n := range s.nodes {
		if s.ledger.free(claimSeat, n) != nil {
			c.out = append(c.out, n)
		}
	}
	takes := w.grip == onProcess || len(w.fault.Cuts) > 0
	if len(c.out) == 0 || !takes {
		return nil
	}
	if !leaving && w.grip == onProcess {
		c.away = slices.Clone(w.fault.Nodes)
	}
	for _, n := range c.staying() {
		if !slices.Contains(c.away, n) && !s.takesPart(ctx, n) {
			c.away = append(c.away, n)
		}
	}
	if c.goesOn(leaving) {
		return nil
	}
	return skip("with %s out of the cluster no majority would be left of members that run and reach each other, and %s", strings.Join(c.out, " "), m.WithoutMajority())
}

// takesPart tells whether the process of a node runs and, if it was started again, is seen in service.
func (s *scene) takesPart(ctx context.Context, node string) bool {
	n, err := s.Cluster.Node(node)
	if err != nil || n.State() != cluster.Running {
		return false
	}
	return !s.ledger.isWaking(node) || len(s.ready(ctx, []string{node}, s.Limits.Probe)) == 0
}

// spares tells whether s, which begins while the others are on, leaves a majority of members if one of them is out, as far as the
// schedule knows.
func (p *planner) spares(s *Step, others []Step) bool {
	if !p.cfg.has(ability.Majority) {
		return true
	}
	leaving := seats(claimsOfStep(p.cfg.Nodes, s))
	c := company{nodes: p.cfg.Nodes, out: leaving}
	var cut []cluster.Link
	on := slices.DeleteFunc(slices.Clone(others), func(o Step) bool { return same(&o, s) || !p.during(&o, s) })
	for _, o := range append(on, *s) {
		out := seats(claimsOfStep(p.cfg.Nodes, &o))
		c.out = add(c.out, out...)
		switch {
		case len(out) > 0:
		case p.grip(&o) == onRunning:
		case p.findsNodes(&o) && p.primary() == "":
			c.lost++
		case p.grip(&o) == onProcess:
			c.away = append(c.away, p.nodes(&o)...)
		default:
			cut = append(cut, p.links(&o)...)
		}
	}
	c.cut = func(l cluster.Link) bool { return slices.Contains(cut, l) }
	return len(c.out) == 0 || c.goesOn(len(leaving) > 0)
}
