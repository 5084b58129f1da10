package etcd

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/lapse-test/lapse/targets/ability"
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

// gates are those of all nodes, in their order. They are safe for concurrent use.
type gates struct {
	names []string
	at    []*gate
}

var _ ability.ClientPauser = gates{}

func newGates(names []string) gates {
	g := gates{names: names}
	for range names {
		g.at = append(g.at, new(gate))
	}
	return g
}

func (g gates) of(node string) (*gate, error) {
	i := slices.Index(g.names, node)
	if i < 0 {
		return nil, fmt.Errorf("there is no node %q; there are %s", node, strings.Join(g.names, ", "))
	}
	return g.at[i], nil
}

// PauseClients implements ability.ClientPauser.
func (g gates) PauseClients(_ context.Context, node string, paused bool) (int, error) {
	of, err := g.of(node)
	if err != nil {
		return 0, err
	}
	return of.pause(paused), nil
}

// ClientsPaused implements ability.ClientPauser.
func (g gates) ClientsPaused(node string) (bool, error) {
	of, err := g.of(node)
	if err != nil {
		return false, err
	}
	return of.paused(), nil
}
