package redis

import (
	"context"
	"sync"
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
		again := time.NewTicker(tellAgain)
		defer again.Stop()
		insisting, enough := context.WithCancel(ctx)
		exited := n.Exited()
		var group sync.WaitGroup
		group.Go(func() { insist(insisting, n, exited, again.C) })
		// Who is told after that is the server that is started next.
		defer func() {
			enough()
			group.Wait()
		}()
	}
	return s.Fleet.Shutdown(ctx, name)
}

// insist tells the server of n to end, each time that again says, until it has exited or ctx is done.
func insist(ctx context.Context, n cluster.Node, exited <-chan struct{}, again <-chan time.Time) {
	for {
		select {
		case <-exited:
			return
		case <-ctx.Done():
			return
		case <-again:
		}
		select {
		case <-exited: // which of two that are ready is taken is not said
			return
		case <-ctx.Done():
			return
		default:
		}
		_ = n.Signal(int(syscall.SIGTERM)) // it may have ended just now
	}
}
