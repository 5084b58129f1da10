package nemesis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

// maxProbes bounds how many probes are under way at once.
const maxProbes = 32

// links are all directed links of the cluster, between nodes, and between nodes
// and clients, that can be probed.
func (s *scene) links() []cluster.Link {
	out := s.allLinks()
	if p, ok := s.Cluster.Network().(cluster.Partial); ok {
		out = slices.DeleteFunc(out, func(l cluster.Link) bool { return !p.Probes(l) })
	}
	return out
}

func (s *scene) allLinks() []cluster.Link {
	var out []cluster.Link
	for _, a := range s.nodes {
		for _, b := range s.nodes {
			if a != b {
				out = append(out, cluster.Link{From: a, To: b})
			}
		}
		out = append(out, cluster.Both(a, cluster.Clients)...)
	}
	return out
}

// otherLinks are those that neither links nor another fault cuts.
func (s *scene) otherLinks(links []cluster.Link) []cluster.Link {
	return slices.DeleteFunc(s.links(), func(l cluster.Link) bool {
		return slices.Contains(links, l) || s.ledger.isCut(l)
	})
}

// mustCarry returns an error if nothing can be lost on links: because another fault
// cuts them already, because the processes at their ends do not run, or because the
// database sends nothing over them.
func (s *scene) mustCarry(ctx context.Context, links []cluster.Link) error {
	fresh := slices.DeleteFunc(slices.Clone(links), s.ledger.isCut)
	if len(fresh) == 0 {
		return skip("another fault cuts all of its links already")
	}
	var down error
	lives := func(name string) bool {
		n, err := s.Cluster.Node(name)
		if err != nil {
			return name == cluster.Clients
		}
		st := n.State()
		if st == cluster.Stopped {
			down = s.down(name, st)
		}
		return st == cluster.Running
	}
	living := slices.DeleteFunc(fresh, func(l cluster.Link) bool { return !lives(l.From) || !lives(l.To) })
	if len(living) == 0 {
		if down != nil {
			return down
		}
		return skip("a node at each of its links is paused by another fault")
	}
	if s.Talks == nil {
		return nil
	}
	if !ability.Primary.In(s.System) {
		if len(s.Talks.carries("", living)) == 0 {
			return skip("the database sends nothing over its links")
		}
		return nil
	}
	primary, err := s.primary(ctx)
	if err != nil {
		return s.unasked(fmt.Errorf("which links carry something depends on the primary, and that is not known: %w", err))
	}
	if len(s.Talks.carries(primary, living)) == 0 {
		return skip("while %s is the primary the database sends nothing over its links", primary)
	}
	return nil
}

// mustPass probes links until all of them let something through; the error
// names those that do not until ctx is done. A link that is cut by another
// fault meanwhile need not pass.
func (s *scene) mustPass(ctx context.Context, links []cluster.Link) error {
	slots := make(chan struct{}, maxProbes)
	return each(links, func(l cluster.Link) error {
		slots <- struct{}{}
		defer func() { <-slots }()
		err := s.Cluster.Network().Probe(ctx, l)
		if err == nil || s.ledger.isCut(l) {
			return nil
		}
		return fmt.Errorf("%s does not pass: %w", l, err)
	})
}

// mustFail probes links once and returns an error that names those over which a
// probe arrived, or could not be made.
func (s *scene) mustFail(ctx context.Context, links []cluster.Link) error {
	slots := make(chan struct{}, maxProbes)
	return each(links, func(l cluster.Link) error {
		slots <- struct{}{}
		defer func() { <-slots }()
		ctx, cancel := context.WithTimeout(ctx, s.Limits.Probe)
		defer cancel()
		err := s.Cluster.Network().Probe(ctx, l)
		switch {
		case err == nil:
			return fmt.Errorf("a probe over %s arrived", l)
		case !errors.Is(err, cluster.ErrUnreachable):
			return fmt.Errorf("probing %s: %w", l, err)
		}
		return nil
	})
}

// mustDrop compares the drop counters of links with before and returns how many
// packets were dropped since, and on how many links, or an error if there was
// none.
func (s *scene) mustDrop(ctx context.Context, links []cluster.Link, before map[cluster.Link]cluster.Drops) (sum uint64, on int, err error) {
	after, err := s.Cluster.Network().Drops(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("reading drop counters: %w", err)
	}
	for _, l := range links {
		if n, b := after[l].Packets, before[l].Packets; n > b {
			sum += n - b
			on++
		}
	}
	if sum == 0 {
		return 0, 0, fmt.Errorf("no packet of the database was dropped on %s", listed(links))
	}
	return sum, on, nil
}

// listed is a list of links for people, cut short when it is long.
func listed(links []cluster.Link) string {
	const shown = 6
	texts := linkTexts(links[:min(shown, len(links))])
	if n := len(links) - shown; n > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(texts, " ")
}
