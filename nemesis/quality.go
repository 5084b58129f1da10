package nemesis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/internal/share"
	"github.com/lapse-test/lapse/targets/cluster"
)

const familyQuality = "quality"

// What faults of the quality of links claim of nodes: a link has one quality at a time. Whoever resets connections
// goes on under any.
const (
	claimLinks       = "quality of the links"
	claimClientLinks = "quality of the links to clients"
	claimConnections = "connections"
)

// qualities are faults of links that carry what is sent, but badly.
func qualities() family {
	const ms = time.Millisecond
	return family{doing: "making links carry as they did", restore: unshape, kinds: []kind{
		shaping("slow", "one node's links to the others carry everything 50 to 400 ms later, varying by a half",
			cluster.Quality{Delay: 50 * ms, Jitter: 25 * ms}, cluster.Quality{Delay: 150 * ms, Jitter: 75 * ms}, cluster.Quality{Delay: 400 * ms, Jitter: 200 * ms}),
		shaping("throttle", "one node's links to the others carry 2 to 32 KiB a second each",
			cluster.Quality{Rate: 2 << 10}, cluster.Quality{Rate: 8 << 10}, cluster.Quality{Rate: 32 << 10}),
		resetting(onLinksOf("reset", "the connections of one node, with the others and with clients, are reset four times a second", 1,
			[]cluster.Capability{cluster.Resets}, func(s *Step) action { return &reset{node: s.Nodes[0]} })),
		shaping("loss", "1, 5 or 20 % of the packets on one node's links to the others are lost, each by itself",
			cluster.Quality{Loss: 0.01}, cluster.Quality{Loss: 0.05}, cluster.Quality{Loss: 0.2}),
		shaping("loss-bursts", "one node's links to the others lose everything for 50 to 200 ms on average, again and again, a fifth of the time",
			cluster.Quality{Loss: 0.2, Burst: 50 * ms}, cluster.Quality{Loss: 0.2, Burst: 100 * ms}, cluster.Quality{Loss: 0.2, Burst: 200 * ms}),
		shaping("duplicate", "5 to 100 % of the packets on one node's links to the others arrive twice",
			cluster.Quality{Duplicate: 0.05}, cluster.Quality{Duplicate: 0.5}, cluster.Quality{Duplicate: 1}),
		shaping("reorder", "5 or 25 % of the packets on one node's links to the others overtake the rest, which is 20 or 50 ms late",
			cluster.Quality{Delay: 20 * ms, Reorder: 0.05}, cluster.Quality{Delay: 20 * ms, Reorder: 0.25}, cluster.Quality{Delay: 50 * ms, Reorder: 0.25}),
		toClients(shaping("slow-clients", "what goes between one node and clients arrives 50 to 400 ms later, varying by a half",
			cluster.Quality{Delay: 50 * ms, Jitter: 25 * ms}, cluster.Quality{Delay: 150 * ms, Jitter: 75 * ms}, cluster.Quality{Delay: 400 * ms, Jitter: 200 * ms})),
		toClients(shaping("loss-clients", "1, 5 or 20 % of the packets between one node and clients are lost, each by itself",
			cluster.Quality{Loss: 0.01}, cluster.Quality{Loss: 0.05}, cluster.Quality{Loss: 0.2})),
		toClients(shaping("duplicate-clients", "5 to 100 % of the packets between one node and clients arrive twice",
			cluster.Quality{Duplicate: 0.05}, cluster.Quality{Duplicate: 0.5}, cluster.Quality{Duplicate: 1})),
	}}
}

// toClients is k on the links between a node and clients in place of those between nodes. Clients may hardly ask some nodes, such as standbys.
func toClients(k kind) kind {
	k.MinNodes, k.named = 1, true
	k.claims = func(_ []string, s *Step) []claim { return claimsOf(claimClientLinks, s.Nodes...) }
	k.act = func(s *Step) action {
		return &shaped{fault: s.Fault, node: s.Nodes[0], clients: true, quality: *s.Quality}
	}
	return k
}

// onLinksOf is a fault of the quality of the links of one node.
func onLinksOf(name, summary string, least int, needs []cluster.Capability, act func(*Step) action) kind {
	return kind{
		Info: Info{Name: name, Kind: familyQuality, MinNodes: least, Summary: summary, Capabilities: needs,
			NotExternal: "it takes a network of lapse's own: let lapse start the nodes"},
		grip:  onRunning,
		pick:  func(r *rand.Rand, nodes []string, s *Step) { s.Nodes = pickOne(nodes, r.IntN(len(nodes))) },
		check: checkOne,
		act:   act,
	}
}

// resetting is k, which ends the connections of a node: what its links are like is none of its business.
func resetting(k kind) kind {
	k.claims = func(_ []string, s *Step) []claim { return claimsOf(claimConnections, s.Nodes...) }
	return k
}

// shaping is a fault that gives links a quality, which is one of several.
func shaping(name, summary string, qualities ...cluster.Quality) kind {
	k := onLinksOf(name, summary, 2, qualities[0].Needs(), func(s *Step) action { return &shaped{fault: s.Fault, node: s.Nodes[0], quality: *s.Quality} })
	k.claims = func(nodes []string, _ *Step) []claim { return claimsOf(claimLinks, nodes...) } // each link has two ends
	k.pick = func(r *rand.Rand, nodes []string, s *Step) {
		s.Nodes = pickOne(nodes, r.IntN(len(nodes)))
		q := qualities[r.IntN(len(qualities))]
		s.Quality = &q
	}
	k.check = func(nodes []string, s *Step) error {
		if err := checkOne(nodes, s); err != nil {
			return err
		}
		if s.Quality == nil || *s.Quality == (cluster.Quality{}) {
			return usagef("fault %s must have a quality, such as {\"delay_ns\": 100000000}", s.Fault)
		}
		if err := s.Quality.Check(); err != nil {
			return usagef("the quality: %s", err)
		}
		if lacking := cluster.Lacking(s.Quality.Needs(), k.Capabilities); lacking != nil {
			return usagef("the quality of fault %s must need %s", s.Fault, lacking.Meaning())
		}
		return nil
	}
	return k
}

// shaper is the network of a stage whose links can be shaped.
func (s *scene) shaper() (cluster.Shaper, error) {
	n, ok := s.Cluster.Network().(cluster.Shaper)
	if !ok {
		return nil, usagef("links cannot be shaped by the provider %s: use --provider sandbox", s.Cluster.Provider())
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

// shaped is the action of faults that give the links between a node and the others, or clients, a
// quality. It takes effect when all that the quality stands for was seen to befall packets
// of the database and, where it delays, a round trip to each other node takes as long as it
// must. It is healed when nothing of it is left and round trips are short again.
type shaped struct {
	fault, node string
	quality     cluster.Quality
	network     cluster.Shaper
	links       []cluster.Link
	// clients: the links are those to clients.
	clients bool
}

// others are the ends of the links but for the node.
func (q *shaped) others(s *scene) []string {
	if q.clients {
		return []string{cluster.Clients}
	}
	return slices.DeleteFunc(slices.Clone(s.nodes), func(n string) bool { return n == q.node })
}

func (q *shaped) aim(ctx context.Context, s *scene, f *history.Fault) (err error) {
	f.Kind, f.Name, f.Nodes = familyQuality, q.fault+" the links of "+q.node+": "+q.words(), []string{q.node}
	if q.network, err = s.shaper(); err != nil {
		return err
	}
	if q.clients {
		f.Name += ", to clients"
	}
	for _, n := range q.others(s) {
		q.links = append(q.links, cluster.Both(q.node, n)...)
	}
	return s.mustCarry(ctx, q.links)
}

// words describe the quality.
func (q *shaped) words() string {
	var out []string
	say := func(has bool, format string, args ...any) {
		if has {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	c := q.quality
	say(c.Rate > 0, "%d bytes a second", c.Rate)
	say(c.Delay > 0 && c.Jitter > 0, "%s, varying by %s", duration.Text(c.Delay), duration.Text(c.Jitter))
	say(c.Delay > 0 && c.Jitter == 0, "%s late", duration.Text(c.Delay))
	say(c.Loss > 0 && c.Burst == 0, "%s are lost", percent(c.Loss))
	say(c.Loss > 0 && c.Burst > 0, "all is lost for %s on average, %s of the time", duration.Text(c.Burst), percent(c.Loss))
	say(c.Duplicate > 0, "%s arrive twice", percent(c.Duplicate))
	say(c.Reorder > 0, "%s overtake", percent(c.Reorder))
	return strings.Join(out, ", ")
}

func percent(part float64) string { return share.Text(part, share.Figure) }

// losing is how long it may take until a packet of a database that sends few is lost, sent
// twice or overtakes another.
const losing = 30 * time.Second

// patience implements patient: what befalls one packet of a hundred takes its time.
func (q *shaped) patience(l Limits) Limits {
	if q.quality.Loss+q.quality.Duplicate+q.quality.Reorder > 0 {
		l.Effect = max(l.Effect, losing)
	}
	return l
}

func (q *shaped) inject(ctx context.Context, _ *scene) error {
	return q.network.Shape(ctx, q.quality, q.links...)
}

func (q *shaped) tookEffect(ctx context.Context, s *scene) ([]string, error) {
	by, err := q.network.Held(ctx)
	if err != nil {
		return nil, err
	}
	var h cluster.Held
	for _, l := range q.links {
		h.Add(by[l])
	}
	proof, err := q.befell(h)
	if err != nil {
		return nil, err
	}
	took, err := q.roundTrips(ctx, s, func(d time.Duration) bool { return d >= 2*(q.quality.Delay-q.quality.Jitter) })
	return append(proof, took...), err
}

// befell is the proof that all that the quality stands for has befallen packets of the database.
func (q *shaped) befell(h cluster.Held) (proof []string, err error) {
	// How many there were says whether a share of them could have been seen.
	among := ""
	if q.quality.Loss+q.quality.Duplicate+q.quality.Reorder > 0 {
		among = fmt.Sprintf(": %s arrived there", packets(h.Passed))
	}
	for _, seen := range []struct {
		wanted bool
		n      uint64
		words  string
		none   string
	}{
		{q.quality.Delay > 0 || q.quality.Rate > 0, h.Packets, fmt.Sprintf("%s of the database %s held back, together %s, for %s on average",
			packets(h.Packets), count.Were(int(h.Packets)), count.Of(int(h.Bytes), "byte"), duration.Text(h.Waited/time.Duration(max(h.Packets, 1)))), "was held back"},
		{q.quality.Loss > 0, h.Lost, fmt.Sprintf("%s of the database %s lost, and %s arrived", packets(h.Lost), count.Were(int(h.Lost)), count.Text(int(h.Passed))), "was lost"},
		{q.quality.Loss > 0 && q.quality.Loss < 1, h.Passed, "", "arrived"},
		{q.quality.Duplicate > 0, h.Twice, fmt.Sprintf("%s of the database arrived twice", packets(h.Twice)), "arrived twice"},
		{q.quality.Reorder > 0, h.Overtook, fmt.Sprintf("%s of the database overtook others", packets(h.Overtook)), "overtook anything"},
	} {
		switch {
		case seen.wanted && seen.n == 0:
			return nil, fmt.Errorf("nothing of the database %s on the links of %s%s", seen.none, q.node, among)
		case seen.wanted && seen.words != "":
			proof = append(proof, seen.words)
		}
	}
	return proof, nil
}

// roundTrips measures one to each other node, all at once, over links that no other
// fault cuts.
func (q *shaped) roundTrips(ctx context.Context, s *scene, right func(time.Duration) bool) (proof []string, err error) {
	ends := slices.DeleteFunc(q.others(s), func(n string) bool { return len(freeLinks(s, cluster.Both(n, q.node))) < 2 })
	if len(ends) == 0 {
		return nil, nil // another fault cuts them
	}
	words := make([]string, len(ends))
	err = each(ends, func(n string) error {
		took, err := q.network.RoundTrip(ctx, q.node, n)
		if err != nil {
			return fmt.Errorf("measuring a round trip: %w", err)
		}
		words[slices.Index(ends, n)] = fmt.Sprintf(" %s-%s %s", q.node, n, duration.Text(took))
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
