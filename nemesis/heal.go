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
	type failed struct {
		family
		err error
	}
	var owed []failed
	lost := false
	for _, f := range families() {
		if f.restore == nil {
			continue
		}
		if err := f.restore(ctx, s); err != nil {
			owed, lost = append(owed, failed{f, err}), lost || isGivenUp(err)
		}
	}
	// What failed is tried again when all else is whole: a node that was just started, by whomever, may take no order yet.
	for _, f := range owed {
		if !lost {
			f.err = poll(ctx, func(ctx context.Context) error { return f.restore(ctx, s) })
		}
		try(f.doing, f.err)
	}
	try("probing the network", s.mustPass(ctx, s.links()))
	missing := s.ready(ctx, s.nodes, s.Limits.Heal)
	for _, n := range s.nodes {
		errs = append(errs, missing[n])
	}
	return joinErrors(errs)
}
