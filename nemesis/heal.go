package nemesis

import (
	"context"
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

// HealAll makes everything whole, whatever was broken and by whomever: links,
// processes, clocks, replicas. It returns nil when a probe over every link
// arrived, every process runs and every node is in service, and an error that
// names what does not when ctx ends first. It may be called again, and when
// nothing is broken. It must not be called while Run is under way.
func HealAll(ctx context.Context, stage Stage) error {
	return newScene(stage).healAll(ctx)
}

func (s *scene) healAll(ctx context.Context) error {
	var errs []error
	try := func(what string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", what, err))
		}
	}
	try("healing the network", s.Cluster.Network().HealAll(ctx))
	try("starting nodes", each(s.Cluster.Nodes(), func(n cluster.Node) error { return s.revive(ctx, n) }))
	try("setting clocks right", s.straighten(ctx))
	try("releasing replicas", s.releaseReplicas(ctx))
	try("probing the network", s.mustPass(ctx, s.links()))
	missing := s.ready(ctx, s.nodes, s.Limits.Heal)
	for _, n := range s.nodes {
		errs = append(errs, missing[n])
	}
	return joinErrors(errs)
}

// straighten sets all clocks right, if they can be moved at all.
func (s *scene) straighten(ctx context.Context) error {
	b, ok := s.System.(ability.ClockBender)
	if !ok {
		return nil
	}
	return each(s.nodes, func(n string) error {
		got, err := b.BendClock(ctx, n, 0)
		if err == nil && !near(got, 0) {
			err = fmt.Errorf("it reads %s off", signed(got))
		}
		if err != nil {
			return fmt.Errorf("the clock of %s: %w", n, err)
		}
		return nil
	})
}

// releaseReplicas releases the replicas that say that they are held back, or all
// but the primary where they cannot say.
func (s *scene) releaseReplicas(ctx context.Context) error {
	l, ok := s.System.(ability.Lagger)
	if !ok {
		return nil
	}
	replicas := s.nodes
	if _, ok := s.System.(ability.Primarier); ok {
		p, err := s.primary(ctx)
		if err != nil {
			return fmt.Errorf("finding the primary: %w", err)
		}
		replicas = slices.DeleteFunc(slices.Clone(replicas), func(n string) bool { return n == p })
	}
	return each(replicas, func(n string) error {
		if c, ok := s.System.(ability.HoldChecker); ok {
			if held, err := c.ReplicaHeld(ctx, n); err == nil && !held {
				return nil
			}
		}
		if err := l.ReleaseReplica(ctx, n); err != nil {
			return fmt.Errorf("%s: %w", n, err)
		}
		return nil
	})
}
