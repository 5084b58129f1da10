package redis

import (
	"context"
	"syscall"
	"time"

	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

var _ ability.Shutdowner = (*System)(nil)

// tellAgain is how often a server is told to end.
const tellAgain = 200 * time.Millisecond

// Shutdown implements ability.Shutdowner. A replica that writes its first append-only file after it
// was synchronised refuses to end ("Writing initial AOF, can't exit") and forgets that it was
// told to, so that it is told again. That changes nothing for a primary that waits for its
// replicas.
func (s *System) Shutdown(ctx context.Context, name string) error {
	node, err := s.Index(name)
	if err != nil {
		return err
	}
	n := s.Nodes[node]
	if n.State() != cluster.Stopped {
		exited := n.Exited()
		go func() {
			again := time.NewTicker(tellAgain)
			defer again.Stop()
			for {
				select {
				case <-exited:
					return
				case <-ctx.Done():
					return
				case <-again.C:
					_ = n.Signal(int(syscall.SIGTERM)) // it may have ended just now
				}
			}
		}()
	}
	return s.Fleet.Shutdown(ctx, name)
}
