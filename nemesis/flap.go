package nemesis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/targets/cluster"
)

// flapEvery is how long links are down, and how long up: shorter than any failure
// detection, long enough to lose what is under way.
const flapEvery = 200 * time.Millisecond

// flaps are faults of links that come and go.
func flaps() family {
	return family{kinds: []kind{{
		Info: Info{Name: "flap", Kind: familyFlap, MinNodes: 2, Operator: operatorCuts(),
			Summary: "one node's links to the others go down and come up again about twice a second"},
		grip:  onRunning,
		pick:  func(r *rand.Rand, nodes []string, s *Step) { s.Nodes = pickOne(nodes, r.IntN(len(nodes))) },
		check: checkOne,
		act:   func(s *Step) action { return &flap{node: s.Nodes[0]} },
	}}}
}

const familyFlap = "flap"

var errNoConnection = errors.New("none is open")

// errOr is err, or what stands for none.
func errOr(err, none error) error {
	if err != nil {
		return err
	}
	return none
}

// freeLinks are those that no fault cuts.
func freeLinks(s *scene, links []cluster.Link) []cluster.Link {
	return slices.DeleteFunc(slices.Clone(links), s.ledger.isCut)
}

// flap cuts the links of a node and heals them, again and again. It takes effect when
// they were down twice, with a probe that failed each time and packets of the database
// that were dropped, and is healed when probes pass.
type flap struct {
	node  string
	links []cluster.Link
	again again

	mu      sync.Mutex
	down    bool
	owed    []cluster.Link // that nobody cuts any more, and that are yet to be healed
	failed  int
	dropped uint64
}

func (f *flap) aim(ctx context.Context, s *scene, h *history.Fault) error {
	h.Kind, h.Name, h.Nodes = familyFlap, "flap the links of "+f.node, []string{f.node}
	f.links = nil
	for _, n := range s.nodes {
		if n != f.node {
			f.links = append(f.links, cluster.Both(f.node, n)...)
		}
	}
	return s.mustCarry(ctx, f.links)
}

func (f *flap) inject(ctx context.Context, s *scene) error {
	f.again.start(ctx, flapEvery, func(ctx context.Context, i int) error {
		if i%2 == 0 {
			return f.goDown(ctx, s)
		}
		return f.comeUp(ctx, s)
	})
	return nil
}

// goDown cuts the links and probes one of them.
func (f *flap) goDown(ctx context.Context, s *scene) error {
	s.network.Lock()
	s.ledger.cut(f.links)
	f.mu.Lock()
	f.down = true
	f.mu.Unlock()
	// The end of the fault interrupts its pauses and not its orders: a cut or a heal that
	// was broken off half-way would leave links that nobody knows of.
	err := s.Cluster.Network().Cut(context.WithoutCancel(ctx), f.links...)
	s.network.Unlock()
	if err != nil {
		return fmt.Errorf("cutting: %w", err)
	}
	probe, cancel := context.WithTimeout(ctx, flapEvery*3/4)
	defer cancel()
	err = s.Cluster.Network().Probe(probe, f.links[0])
	if ctx.Err() == nil && errors.Is(err, cluster.ErrUnreachable) {
		f.mu.Lock()
		f.failed++
		f.mu.Unlock()
	}
	return nil
}

// comeUp heals those of the links that no other fault cuts, and counts what was dropped.
func (f *flap) comeUp(ctx context.Context, s *scene) error {
	s.network.Lock()
	defer s.network.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		f.count(ctx, s)
		f.down = false
		f.owed = append(f.owed, s.ledger.mend(f.links)...)
	}
	// A link that another fault has cut since is not ours to heal any more.
	if f.owed = slices.DeleteFunc(f.owed, s.ledger.isCut); len(f.owed) == 0 {
		return nil
	}
	if err := s.Cluster.Network().Heal(context.WithoutCancel(ctx), f.owed...); err != nil {
		return fmt.Errorf("healing: %w", err)
	}
	f.owed = nil
	return nil
}

// count adds what was dropped since the links went down; f.mu is held.
func (f *flap) count(ctx context.Context, s *scene) {
	if drops, err := s.Cluster.Network().Drops(context.WithoutCancel(ctx)); err == nil {
		for _, l := range f.links {
			f.dropped += drops[l].Packets
		}
	} else if errors.Is(err, cluster.ErrNotCounted) {
		f.dropped++ // nobody counts: the probes have to do
	}
}

func (f *flap) tookEffect(context.Context, *scene) ([]string, error) {
	_, err := f.again.soFar()
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil || f.failed < 2 || f.dropped == 0 {
		return nil, fmt.Errorf("the links of %s were down %s, and %s of the database %s dropped (%w)", f.node, count.Of(f.failed, "time"), packets(f.dropped), count.Were(int(f.dropped)), errOr(err, errFewFlaps))
	}
	return []string{fmt.Sprintf("the links of %s were down %s until then, a probe failed each time, and %s of the database %s dropped", f.node, count.Of(f.failed, "time"), packets(f.dropped), count.Were(int(f.dropped)))}, nil
}

var errFewFlaps = errors.New("twice, and some, are wanted")

func (f *flap) heal(ctx context.Context, s *scene) error {
	f.again.stop()
	return f.comeUp(ctx, s)
}

func (f *flap) healed(ctx context.Context, s *scene) ([]string, error) {
	free := freeLinks(s, f.links)
	if err := s.mustPass(ctx, free); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return []string{fmt.Sprintf("the links were down %s, with %s dropped; probes pass again over %s", count.Of(f.failed, "time"), packets(f.dropped), count.Of(len(free), "link"))}, nil
}

func (f *flap) cease() { f.again.stop() }
