package external

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/lapse-test/lapse/targets/cluster"
)

// network is a cluster.Network whose links the operator's commands cut. Each of
// them is for one node and the peers that it is to be cut off from, in both
// directions. Links with the clients cannot be cut.
type network struct {
	cluster *external

	mu sync.Mutex
	// cut are the peers that each node was cut off from by its own command.
	cut map[string][]string
}

var (
	_ cluster.Network = (*network)(nil)
	_ cluster.Partial = (*network)(nil)
)

// Cut implements cluster.Network.
func (w *network) Cut(ctx context.Context, links ...cluster.Link) error {
	pairs, err := pairsOf(links)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	pairs = slices.DeleteFunc(pairs, func(p pair) bool { return w.isCut(p) })
	for _, o := range w.orders(pairs) {
		n, err := w.cluster.Node(o.node)
		if err != nil {
			return err
		}
		// Noted before: what half-succeeds is to be healed as well.
		w.cut[o.node] = append(w.cut[o.node], o.peers...)
		if err := w.cluster.order(ctx, n.(*node), cluster.CommandCut, o.peers); err != nil {
			return err
		}
	}
	return nil
}

// Heal implements cluster.Network.
func (w *network) Heal(ctx context.Context, links ...cluster.Link) error {
	pairs, err := pairsOf(links)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.heal(ctx, func(p pair) bool { return slices.Contains(pairs, p) })
}

// HealAll implements cluster.Network: what was cut here is healed, nothing else.
func (w *network) HealAll(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.heal(ctx, func(pair) bool { return true })
}

func (w *network) heal(ctx context.Context, which func(pair) bool) error {
	var errs []error
	for _, n := range w.cluster.nodes {
		var mine, others []string
		for _, peer := range w.cut[n.name] {
			if which(makePair(n.name, peer)) {
				mine = append(mine, peer)
			} else {
				others = append(others, peer)
			}
		}
		if len(mine) == 0 {
			continue
		}
		if err := w.cluster.order(ctx, n, cluster.CommandHeal, mine); err != nil {
			errs = append(errs, err)
			continue
		}
		w.cut[n.name] = others
	}
	return errors.Join(errs...)
}

func (w *network) isCut(p pair) bool {
	return slices.Contains(w.cut[p.a], p.b) || slices.Contains(w.cut[p.b], p.a)
}

// Drops implements cluster.Network: it is not our network.
func (*network) Drops(context.Context) (map[cluster.Link]cluster.Drops, error) {
	return nil, cluster.ErrNotCounted
}

// Probes implements cluster.Partial: between nodes it takes the operator's probe.
func (w *network) Probes(link cluster.Link) bool {
	return link.From == cluster.Clients || link.To == cluster.Clients ||
		w.cluster.operator.Nodes[link.From].Probe != ""
}

// Probe implements cluster.Network. Between nodes it is the operator's probe; a
// node and the clients reach each other if the node answers.
func (w *network) Probe(ctx context.Context, link cluster.Link) error {
	for _, end := range []string{link.From, link.To} {
		if end == cluster.Clients {
			continue
		}
		if _, err := w.cluster.Node(end); err != nil {
			return err
		}
	}
	if link.From == cluster.Clients || link.To == cluster.Clients {
		name := link.To
		if name == cluster.Clients {
			name = link.From
		}
		n, _ := w.cluster.Node(name) // looked up above
		if err := n.(*node).look(ctx); err != nil {
			return fmt.Errorf("%s: %w: %s", link, cluster.ErrUnreachable, describe(err))
		}
		return nil
	}
	n, _ := w.cluster.Node(link.From) // looked up above
	err := w.cluster.order(ctx, n.(*node), cluster.CommandProbe, []string{link.To})
	var status *statusError
	if errors.As(err, &status) && status.says() {
		return fmt.Errorf("%s: %w: %s", link, cluster.ErrUnreachable, status.Error())
	}
	return err // perhaps ErrUnreachable already
}

// tryProbes tries every probe between nodes once.
func (w *network) tryProbes(ctx context.Context) error {
	var links []cluster.Link
	for _, from := range w.cluster.nodes {
		for _, to := range w.cluster.nodes {
			if link := (cluster.Link{From: from.name, To: to.name}); from != to && w.Probes(link) {
				links = append(links, link)
			}
		}
	}
	errs := make([]error, len(links))
	var wait sync.WaitGroup
	slots := make(chan struct{}, 8)
	for i, link := range links {
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			errs[i] = w.Probe(ctx, link)
		})
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		return &cluster.EnvironmentError{
			Doing: "trying the operator's probes while nothing is broken", Err: err,
			Way: "a probe ends with 0 when its node reaches the one in LAPSE_PEERS; see --operator in docs/providers.md",
		}
	}
	return nil
}

// pair is two nodes that cannot reach each other, a < b.
type pair struct{ a, b string }

func makePair(x, y string) pair { return pair{min(x, y), max(x, y)} }

// pairsOf turns links into pairs, and refuses what commands that cut both ways
// cannot do.
func pairsOf(links []cluster.Link) ([]pair, error) {
	var out []pair
	for _, l := range links {
		if l.From == cluster.Clients || l.To == cluster.Clients {
			return nil, fmt.Errorf("link %s: the clients of an external cluster cannot be cut off", l)
		}
		if !slices.Contains(links, cluster.Link{From: l.To, To: l.From}) {
			return nil, fmt.Errorf("link %s: an operator's commands cut both directions", l)
		}
		if p := makePair(l.From, l.To); !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out, nil
}

// cutOrder is one call of a node's command.
type cutOrder struct {
	node  string
	peers []string
}

// orders divides pairs between as few nodes as it easily can: always the node with
// the most of what is left, so that the smaller side of a partition is cut off.
func (w *network) orders(pairs []pair) []cutOrder {
	var out []cutOrder
	for len(pairs) > 0 {
		peers := map[string][]string{}
		for _, p := range pairs {
			peers[p.a], peers[p.b] = append(peers[p.a], p.b), append(peers[p.b], p.a)
		}
		most := slices.MaxFunc(w.cluster.nodes, func(x, y *node) int {
			return cmp.Or(cmp.Compare(len(peers[x.name]), len(peers[y.name])), strings.Compare(y.name, x.name))
		}).name
		out = append(out, cutOrder{most, peers[most]})
		pairs = slices.DeleteFunc(slices.Clone(pairs), func(p pair) bool { return p.a == most || p.b == most })
	}
	return out
}
