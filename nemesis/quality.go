package nemesis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/targets/cluster"
)

const familyQuality = "quality"

// claimLinks is what faults of the quality of a node's links claim of it.
const claimLinks = "quality of the links"

// qualities are faults of links that carry what is sent, but badly.
func qualities() family {
	return family{doing: "making links carry as they did", restore: unshape, kinds: []kind{
		shaping("slow", "one node's links to the others carry everything 50 to 400 ms later, varying by a half", func(r *rand.Rand) cluster.Quality {
			delays := []time.Duration{50 * time.Millisecond, 150 * time.Millisecond, 400 * time.Millisecond}
			d := delays[r.IntN(len(delays))]
			return cluster.Quality{Delay: d, Jitter: d / 2}
		}),
		shaping("throttle", "one node's links to the others carry 2 to 32 KiB a second each", func(r *rand.Rand) cluster.Quality {
			return cluster.Quality{Rate: 2 << 10 << (2 * r.IntN(3))}
		}),
		onLinksOf("reset", "the connections of one node, with the others and with clients, are reset four times a second", 1,
			func(s *Step) action { return &reset{node: s.Nodes[0]} }),
	}}
}

// onLinksOf is a fault of the quality of the links of one node.
func onLinksOf(name, summary string, least int, act func(*Step) action) kind {
	return kind{
		Info: Info{Name: name, Kind: familyQuality, MinNodes: least, Summary: summary, Shapes: true,
			NotExternal: "it takes a network of lapse's own: use --provider local"},
		grip:  onRunning,
		pick:  func(r *rand.Rand, nodes []string, s *Step) { s.Nodes = pickOne(nodes, r.IntN(len(nodes))) },
		check: checkOne,
		act:   act,
	}
}

// shaping is a fault that gives links a quality, which is drawn.
func shaping(name, summary string, draw func(*rand.Rand) cluster.Quality) kind {
	k := onLinksOf(name, summary, 2, func(s *Step) action { return &shaped{fault: s.Fault, node: s.Nodes[0], quality: *s.Quality} })
	k.pick = func(r *rand.Rand, nodes []string, s *Step) {
		s.Nodes = pickOne(nodes, r.IntN(len(nodes)))
		q := draw(r)
		s.Quality = &q
	}
	k.check = func(nodes []string, s *Step) error {
		if err := checkOne(nodes, s); err != nil {
			return err
		}
		switch q := s.Quality; {
		case q == nil || *q == (cluster.Quality{}):
			return usagef("fault %s must have a quality, such as {\"delay_ns\": 100000000}", s.Fault)
		case q.Delay < 0 || q.Jitter < 0 || q.Jitter > q.Delay || q.Rate < 0:
			return usagef("the quality has a delay of %s that varies by %s and a rate of %d: nothing may be negative, and a delay varies by itself at most", q.Delay, q.Jitter, q.Rate)
		}
		return nil
	}
	return k
}

// shaper is the network of a stage whose links can be shaped.
func (s *scene) shaper() (cluster.Shaper, error) {
	n, ok := s.Cluster.Network().(cluster.Shaper)
	if !ok {
		return nil, usagef("links cannot be slowed down by the provider %s: use --provider local", s.Cluster.Provider())
	}
	return n, nil
}

// unshape makes all links carry as they did, if they can be shaped at all.
func unshape(ctx context.Context, s *scene) error {
	n, ok := s.Cluster.Network().(cluster.Shaper)
	if !ok {
		return nil // what cannot be shaped was not
	}
	return n.Shape(ctx, cluster.Quality{}, s.allLinks()...)
}

// shaped is the action of faults that give the links between a node and the others a
// quality. It takes effect when they were seen to hold something of the database back
// and, where they delay, a round trip to each other node takes as long as it must. It is
// healed when round trips are short again.
type shaped struct {
	fault, node string
	quality     cluster.Quality
	network     cluster.Shaper
	links       []cluster.Link
	claimed     bool
	held        cluster.Held
}

func (q *shaped) aim(ctx context.Context, s *scene, f *history.Fault) (err error) {
	f.Kind, f.Name, f.Nodes = familyQuality, q.fault+" the links of "+q.node+": "+q.words(), []string{q.node}
	if q.network, err = s.shaper(); err != nil {
		return err
	}
	for _, n := range s.nodes {
		if n != q.node {
			q.links = append(q.links, cluster.Both(q.node, n)...)
		}
	}
	if err := s.mustCarry(ctx, q.links); err != nil {
		return err
	}
	err = s.ledger.hold(claimLinks, f.Name, s.nodes...) // each link has two ends
	q.claimed = err == nil
	return err
}

func (q *shaped) words() string {
	if q.quality.Rate > 0 {
		return fmt.Sprintf("%d bytes a second", q.quality.Rate)
	}
	return fmt.Sprintf("%s, varying by %s", duration.Text(q.quality.Delay), duration.Text(q.quality.Jitter))
}

func (q *shaped) inject(ctx context.Context, _ *scene) error {
	return q.network.Shape(ctx, q.quality, q.links...)
}

func (q *shaped) tookEffect(ctx context.Context, s *scene) ([]string, error) {
	held, err := q.network.Held(ctx)
	if err != nil {
		return nil, err
	}
	q.held = cluster.Held{}
	for _, l := range q.links {
		q.held.Packets += held[l].Packets
		q.held.Bytes += held[l].Bytes
		q.held.Waited += held[l].Waited
	}
	if q.held.Packets == 0 {
		return nil, fmt.Errorf("nothing of the database was held back on the links of %s", q.node)
	}
	proof := fmt.Sprintf("%s of the database were held back, together %s, for %s on average",
		count.Of(int(q.held.Packets), "packet"), count.Of(int(q.held.Bytes), "byte"), duration.Text(q.held.Waited/time.Duration(q.held.Packets)))
	took, err := q.roundTrips(ctx, s, func(d time.Duration) bool { return d >= 2*(q.quality.Delay-q.quality.Jitter) })
	return append([]string{proof}, took...), err
}

// roundTrips measures one to each other node, all at once, over links that no other
// fault cuts.
func (q *shaped) roundTrips(ctx context.Context, s *scene, right func(time.Duration) bool) (proof []string, err error) {
	var others []int
	for i, n := range s.nodes {
		if n != q.node && len(freeLinks(s, cluster.Both(n, q.node))) == 2 {
			others = append(others, i)
		}
	}
	words := make([]string, len(s.nodes))
	err = each(others, func(i int) error {
		n := s.nodes[i]
		took, err := q.network.RoundTrip(ctx, q.node, n)
		if err != nil {
			return fmt.Errorf("measuring a round trip: %w", err)
		}
		words[i] = fmt.Sprintf(" %s-%s %s", q.node, n, duration.Text(took))
		there, back := q.network.Usual(cluster.Link{From: q.node, To: n}), q.network.Usual(cluster.Link{From: n, To: q.node})
		if !right(took - there.Delay - back.Delay) {
			return fmt.Errorf("a round trip from %s to %s takes %s", q.node, n, duration.Text(took))
		}
		return nil
	})
	return []string{"round trips:" + strings.Join(words, "")}, err
}

func (q *shaped) heal(ctx context.Context, _ *scene) error {
	return q.network.Shape(ctx, cluster.Quality{}, q.links...)
}

func (q *shaped) healed(ctx context.Context, s *scene) ([]string, error) {
	held, err := q.network.Held(ctx)
	if err != nil {
		return nil, err
	}
	for _, l := range q.links {
		if _, still := held[l]; still {
			return nil, fmt.Errorf("%s is still shaped", l)
		}
	}
	return q.roundTrips(ctx, s, func(d time.Duration) bool { return q.quality.Delay == 0 || d < 2*(q.quality.Delay-q.quality.Jitter) })
}

func (q *shaped) release(s *scene) {
	if q.claimed {
		s.ledger.drop(claimLinks, s.nodes...)
		q.claimed = false
	}
}
