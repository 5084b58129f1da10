package postgres

import (
	"context"
	"fmt"
	"syscall"

	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

var _ ability.Shutdowner = (*System)(nil)

// Shutdown implements ability.Shutdowner by what operators do: a fast shutdown (SIGINT), because a
// smart one (SIGTERM) waits for every client to leave, see "Shutting Down the Server" in
// PostgreSQL's documentation; or SIGTERM to the node's Patroni, which then shuts its server down
// in the same way and, if it has the leader's lease, gives it back.
func (s *System) Shutdown(ctx context.Context, name string) error {
	node, err := s.Index(name)
	if err != nil {
		return err
	}
	n := s.Nodes[node]
	if s.manager == nil && n.State() != cluster.Stopped {
		if err := n.Signal(int(syscall.SIGINT)); err != nil {
			return fmt.Errorf("stopping %s: %w", name, err)
		}
	}
	return s.Fleet.Shutdown(ctx, name)
}
