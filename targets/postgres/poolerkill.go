package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

var _ ability.PoolerKiller = (*System)(nil)

var errUnpooled = errors.New("there is no pooler; use --set " + optPooler + "=" + poolerSession + " or " + poolerTransaction)

// KillPooler implements ability.PoolerKiller.
func (s *System) KillPooler(ctx context.Context, name string) error {
	node, err := s.Index(name)
	if err != nil {
		return err
	}
	p := s.poolers.on(node)
	if !p.runs() {
		return fmt.Errorf("killing the pooler of %s: none runs", name)
	}
	p.kill()
	select {
	case <-p.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("killing the pooler of %s: %w", name, ctx.Err())
	}
}

// StartPooler implements ability.PoolerKiller.
func (s *System) StartPooler(_ context.Context, name string) error {
	node, err := s.Index(name)
	if err != nil {
		return err
	}
	s.roles.Lock() // a restart of the node starts one as well
	defer s.roles.Unlock()
	if s.poolers.on(node).runs() || s.Nodes[node].State() == cluster.Stopped {
		return nil
	}
	return s.startPooler(node)
}

// PoolerServes implements ability.PoolerKiller.
func (s *System) PoolerServes(ctx context.Context, name string) error {
	node, err := s.Index(name)
	if err != nil {
		return err
	}
	if s.set.pooler == poolerNone {
		return errUnpooled
	}
	return s.poolerServes(ctx, node)
}

// ServerServes implements ability.PoolerKiller.
func (s *System) ServerServes(ctx context.Context, name string) error {
	node, err := s.Index(name)
	if err != nil {
		return err
	}
	return s.admin(ctx, node, func(c *conn) error { return execute(ctx, c.pg, "SELECT 1") })
}
