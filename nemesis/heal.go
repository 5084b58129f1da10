package nemesis

import (
	"context"
	"fmt"
)

// healAll makes everything whole, whatever was broken and by whomever: links,
// processes, clocks, replicas. It returns nil when a probe over every link
// arrived, every process runs and every node is in service, and an error that
// names what does not when ctx ends first. It may be called again, and when
// nothing is broken, but not while a step is under way.
func (s *scene) healAll(ctx context.Context) error {
	var errs []error
	try := func(what string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", what, err))
		}
	}
	var owed []family
	for _, f := range families() {
		if f.restore != nil {
			owed = append(owed, f)
		}
	}
	look := s.deadAmong(s.nodes)
	err := poll(ctx, func(ctx context.Context) error {
		errs = nil
		var still []family
		for _, f := range owed {
			if err := f.restore(ctx, s); err != nil {
				try(f.doing, err)
				still = append(still, f)
			}
		}
		// What failed is tried again when all else is whole: a node that was just started, by whomever, may take no order yet.
		owed = still
		if len(errs) == 0 {
			return nil
		}
		return look(joinErrors(errs))
	})
	if err != nil && ctx.Err() != nil {
		return err // nothing is left to look with: whatever is asked now would not answer
	}
	try("probing the network", s.mustPass(ctx, s.links()))
	missing := s.ready(ctx, s.nodes, s.Limits.Heal)
	for _, n := range s.nodes {
		errs = append(errs, missing[n])
	}
	return joinErrors(errs)
}
