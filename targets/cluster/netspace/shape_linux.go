package netspace

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"sync"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/nft"
)

var _ cluster.Shaper = (*Shaped)(nil)

// Shaped is a Network whose links can be shaped, each at its receiving end: loss and
// duplication by firewall rules there, delay, rate and order by a queue that packets of
// shaped links wait in, and no others.
type Shaped struct {
	Network
	usual map[cluster.Link]cluster.Quality // does not change

	mu    sync.Mutex
	gates map[string]*gate // by the name of the end
	now   map[cluster.Link]cluster.Quality
}

// gate is the receiving end of links.
type gate struct {
	End
	rules  *nft.Shaping
	number uint16
	holder *holder // nil until something is held back; guarded by Shaped.mu
}

// NewShaped is the network of these ends, with rules in tables of that name and a queue of
// that number at each end, both of which must be the cluster's own.
func NewShaped(ends Network, table string, queue uint16, usual map[cluster.Link]cluster.Quality) *Shaped {
	s := &Shaped{
		Network: ends, usual: maps.Clone(usual),
		gates: map[string]*gate{}, now: map[cluster.Link]cluster.Quality{},
	}
	for _, e := range ends {
		s.gates[e.Name] = &gate{End: e, rules: nft.NewShaping(int(e.Space.FD()), table, queue), number: queue}
	}
	return s
}

// Begin gives links the qualities that they have all the time.
func (s *Shaped) Begin(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l, q := range s.usual {
		if err := s.apply(ctx, q, []cluster.Link{l}); err != nil {
			return err
		}
	}
	return nil
}

// Shape implements cluster.Shaper.
func (s *Shaped) Shape(ctx context.Context, q cluster.Quality, links ...cluster.Link) error {
	if err := q.Check(); err != nil {
		return err
	}
	if _, err := s.byReceiver(links); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	alike := map[cluster.Quality][]cluster.Link{}
	for _, l := range links {
		if _, shaped := s.now[l]; !shaped && q == (cluster.Quality{}) {
			continue // it is as it was
		}
		whole := q.Atop(s.usual[l])
		alike[whole] = append(alike[whole], l)
		if q != (cluster.Quality{}) {
			s.now[l] = q // also what fails half-way has to be undone
		}
	}
	for whole, links := range alike {
		if err := s.apply(ctx, whole, links); err != nil {
			return err
		}
	}
	if q == (cluster.Quality{}) {
		for _, l := range links {
			delete(s.now, l)
		}
	}
	return nil
}

// apply makes links carry as q says; s.mu is held.
func (s *Shaped) apply(ctx context.Context, q cluster.Quality, links []cluster.Link) error {
	by, err := s.byReceiver(links)
	if err != nil {
		return err
	}
	for to, from := range by {
		if err := ctx.Err(); err != nil {
			return err
		}
		g := s.gates[to]
		if err := g.Space.Hold(func() error { return g.shape(ctx, q, from) }); err != nil {
			return fmt.Errorf("at %s: %w", to, err)
		}
	}
	return nil
}

// shape makes what comes from these ends arrive as q says.
func (g *gate) shape(ctx context.Context, q cluster.Quality, from []netip.Addr) (err error) {
	holds := q.Delay > 0 || q.Rate > 0
	if holds && g.holder == nil {
		if g.holder, err = newHolder(int(g.Space.FD()), g.number); err != nil {
			return err
		}
	}
	how := nft.Treatment{Loss: q.Loss, Burst: q.Burst, Duplicate: q.Duplicate, Queue: holds}
	if holds {
		if err := g.Firewall.Linger(true); err != nil {
			return err
		}
		g.holder.set(q, from...)
	}
	if err := g.rules.Treat(how, from...); err != nil {
		return err
	}
	if !holds && g.holder != nil {
		g.holder.set(cluster.Quality{}, from...)
		if !g.holder.holds() {
			// The kernel loses what nobody has read yet, too.
			err = errors.Join(g.drained(ctx), g.Firewall.Linger(false))
		}
	}
	return errors.Join(err, g.rules.Rest())
}

// Held implements cluster.Shaper.
func (s *Shaped) Held(context.Context) (map[cluster.Link]cluster.Held, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	treated, held := map[string]map[netip.Addr]nft.Treated{}, map[string]map[netip.Addr]cluster.Held{}
	out := map[cluster.Link]cluster.Held{}
	for l := range s.now {
		g := s.gates[l.To]
		from, err := s.end(l.From)
		if err != nil {
			return nil, err
		}
		if treated[l.To] == nil {
			err := g.Space.Hold(func() (err error) {
				treated[l.To], err = g.rules.Treated()
				return err
			})
			if err == nil && g.holder != nil {
				held[l.To], err = g.holder.held()
			}
			if err != nil {
				return nil, fmt.Errorf("at %s: %w", l.To, err)
			}
		}
		h, t := held[l.To][from.Addr], treated[l.To][from.Addr]
		h.Passed, h.Twice = t.Passed.Packets, t.Twice.Packets
		h.Lost += t.Lost.Packets
		out[l] = h
	}
	return out, nil
}

// Usual implements cluster.Shaper.
func (s *Shaped) Usual(link cluster.Link) cluster.Quality { return s.usual[link] }

// RoundTrip implements cluster.Shaper by a probe each way.
func (s *Shaped) RoundTrip(ctx context.Context, a, b string) (time.Duration, error) {
	there, err := s.oneWay(ctx, cluster.Link{From: a, To: b})
	if err != nil {
		return 0, err
	}
	back, err := s.oneWay(ctx, cluster.Link{From: b, To: a})
	return there + back, err
}

// Close makes all links as they were before Begin, and stops what holds packets back.
func (s *Shaped) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, g := range s.gates {
		err := g.Space.Hold(func() error { return errors.Join(g.rules.Close(), g.Firewall.Linger(false)) })
		if g.holder != nil {
			err = errors.Join(err, g.holder.close())
			g.holder = nil
		}
		if err != nil && !errors.Is(err, ErrClosed) {
			errs = append(errs, fmt.Errorf("at %s: %w", g.Name, err))
		}
	}
	s.now = map[cluster.Link]cluster.Quality{}
	return errors.Join(errs...)
}
