package nemesis

import (
	"slices"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

// Talks says whether a database sends anything over the link between two nodes, or
// between a node and cluster.Clients, while primary is the node that takes the
// writes. Replicas of a primary often have nothing to say to each other, and to cut
// them off from each other takes no effect.
type Talks func(primary, from, to string) bool

// carries filters those links over which something is sent.
func (t Talks) carries(primary string, links []cluster.Link) []cluster.Link {
	if t == nil {
		return links
	}
	return slices.DeleteFunc(slices.Clone(links), func(l cluster.Link) bool { return !t(primary, l.From, l.To) })
}

// wakeTime is how long after a step its nodes are reckoned to be missing, at most: a
// process that was killed takes a moment until it serves.
const wakeTime = time.Second

// during tells whether o is on when s is to take effect. What begins later does not
// disturb it: no fault is injected while another is yet to be seen to take effect.
func (p *planner) during(o, s *Step) bool {
	return o.At <= s.At && s.At < o.At+o.Hold+min(wakeTime, p.interval/5)
}

// clashes tells whether s, or a step that was drawn before, could not take effect, or would leave too few members, if
// both were in the schedule. What is found only when a fault is injected is not
// known here, such as a primary after a failover; the ledger sees to that.
func (p *planner) clashes(s *Step) bool {
	var near []Step
	claims := claimsOfStep(p.cfg.Nodes, s)
	for i := range p.steps {
		if o := &p.steps[i]; p.during(o, s) || p.during(s, o) {
			// effective sees to processes, also to that of a primary which is known before it is found.
			if c, both := common(claimsOfStep(p.cfg.Nodes, o), claims); both && c.what != claimProcess {
				return true
			}
			near = append(near, *o)
		}
	}
	if !p.effective(s, near) || !p.spares(s, near) {
		return true
	}
	for i := range near {
		with := append(slices.Clone(near), *s)
		if p.during(s, &near[i]) && !(p.effective(&near[i], with) && p.spares(&near[i], with)) {
			return true
		}
	}
	return false
}

// common is the first claim of some that is among others, too, if there is one.
func common(some, others []claim) (claim, bool) {
	i := slices.IndexFunc(some, func(c claim) bool { return slices.Contains(others, c) })
	if i < 0 {
		return claim{}, false
	}
	return some[i], true
}

// claimsOfStep are what a step claims of a cluster of these nodes.
func claimsOfStep(nodes []string, s *Step) []claim {
	k, err := find(s.Fault)
	if err != nil {
		return nil
	}
	var out []claim
	if k.claims != nil {
		out = k.claims(nodes, s)
	}
	if k.grip == onProcess {
		out = append(out, claimsOf(claimProcess, s.Nodes...)...)
	}
	return out
}

// effective tells whether s can take effect among the other steps.
func (p *planner) effective(s *Step, others []Step) bool {
	var stopped []string
	var cut []cluster.Link
	for i := range others {
		o := &others[i]
		if same(o, s) {
			continue
		}
		switch p.grip(o) {
		case onProcess:
			if p.grip(s) == onProcess && (o.At >= s.At+s.Hold || s.At >= o.At+o.Hold) {
				continue // one after the other
			}
			if p.during(o, s) || p.grip(s) == onProcess {
				stopped = append(stopped, p.nodes(o)...)
			}
		case onLinks:
			if p.during(o, s) {
				cut = append(cut, p.links(o)...)
			}
		}
	}
	switch p.grip(s) {
	case onProcess:
		return !slices.ContainsFunc(p.nodes(s), func(n string) bool { return slices.Contains(stopped, n) })
	case onRunning:
		return slices.ContainsFunc(p.candidates(s), func(n string) bool { return !slices.Contains(stopped, n) })
	}
	links := p.links(s)
	return len(links) == 0 && p.findsNodes(s) || slices.ContainsFunc(links, func(l cluster.Link) bool {
		return !slices.Contains(cut, l) && !slices.Contains(stopped, l.From) && !slices.Contains(stopped, l.To)
	})
}

// same tells whether two steps are one.
func same(a, b *Step) bool { return a.At == b.At && a.Fault == b.Fault }

func (p *planner) grip(s *Step) grip { return p.grips[s.Fault] }

// primary is the node that takes the writes as far as the schedule knows, empty if
// it does not.
func (p *planner) primary() string {
	if p.cfg.Talks == nil || len(p.cfg.Nodes) == 0 {
		return ""
	}
	return p.cfg.Nodes[0]
}

// findsNodes tells whether the step finds its nodes when it is injected.
func (p *planner) findsNodes(s *Step) bool { return len(s.Nodes) == 0 && len(s.Cuts) == 0 }

// nodes are those of a step, of one that finds them when it is injected the primary
// if it is known.
func (p *planner) nodes(s *Step) []string {
	if primary := p.primary(); p.findsNodes(s) && primary != "" {
		return []string{primary}
	}
	return s.Nodes
}

// candidates are the nodes of which one must run so that the step can be injected.
func (p *planner) candidates(s *Step) []string {
	if len(s.Nodes) > 0 {
		return s.Nodes
	}
	primary := p.primary()
	return slices.DeleteFunc(slices.Clone(p.cfg.Nodes), func(n string) bool { return n == primary })
}

// links are those that a step cuts and over which something is sent.
func (p *planner) links(s *Step) []cluster.Link {
	primary := p.primary()
	at := *s
	if p.findsNodes(s) && primary != "" && p.grip(s) == onLinks {
		isolate(primary, p.cfg.Nodes, &at)
	}
	var out []cluster.Link
	for _, text := range at.Cuts {
		if l, err := parseLink(text); err == nil {
			out = append(out, l)
		}
	}
	return p.cfg.Talks.carries(primary, out)
}
