package etcd

import (
	"context"
	"sync"

	"github.com/lapse-test/lapse/targets/outcome"
)

// gate holds up the clients of one node while they are paused, as if their processes
// were stopped. It is safe for concurrent use; a nil gate holds up nobody.
type gate struct {
	mu      sync.Mutex
	clients int
	// closed is closed when the pause ends, nil without one.
	closed chan struct{}
}

var errPaused = outcome.Refuse("the client is paused")

// pass waits while there is a pause. Its error is a refusal: the pause outlasted
// ctx.
func (g *gate) pass(ctx context.Context) error {
	if g == nil {
		return nil
	}
	g.mu.Lock()
	closed := g.closed
	g.mu.Unlock()
	if closed == nil {
		return nil
	}
	select {
	case <-closed:
		return nil
	case <-ctx.Done():
		return errPaused
	}
}

// pause begins or ends a pause, and returns how many clients it is for.
func (g *gate) pause(on bool) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case on && g.closed == nil:
		g.closed = make(chan struct{})
	case !on && g.closed != nil:
		close(g.closed)
		g.closed = nil
	}
	return g.clients
}

// paused says whether there is a pause.
func (g *gate) paused() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed != nil
}

// count counts a client more or less.
func (g *gate) count(by int) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.clients += by
}
