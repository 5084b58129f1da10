package nemesis

import (
	"context"
	"fmt"
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
	for _, f := range families() {
		if f.restore != nil {
			try(f.doing, f.restore(ctx, s))
		}
	}
	try("probing the network", s.mustPass(ctx, s.links()))
	missing := s.ready(ctx, s.nodes, s.Limits.Heal)
	for _, n := range s.nodes {
		errs = append(errs, missing[n])
	}
	return joinErrors(errs)
}
