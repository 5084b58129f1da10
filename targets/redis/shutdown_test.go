package redis

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/launch"
)

// deaf is a node whose server ends when it was told to a second time.
type deaf struct {
	cluster.Node
	exited chan struct{}
	ends   sync.Once
	told   atomic.Int64
	// telling says that somebody is about to tell it.
	telling atomic.Bool
}

func (*deaf) Name() string               { return "n1" }
func (*deaf) State() cluster.State       { return cluster.Running }
func (d *deaf) Exited() <-chan struct{}  { return d.exited }
func (*deaf) Kill(context.Context) error { return nil }

func (d *deaf) Signal(int) error {
	d.telling.Store(true)
	defer d.telling.Store(false)
	d.told.Add(1)
	d.ends.Do(func() { close(d.exited) })
	for range 1000 {
		runtime.Gosched() // Stop may return meanwhile
	}
	return nil
}

func (d *deaf) Stop(context.Context) error {
	<-d.exited
	return nil
}

// TestShutdownInsists: a server that forgot that it was told to end is told again, and when Shutdown has returned
// nobody is about to tell the one that is started next.
func TestShutdownInsists(t *testing.T) {
	n := &deaf{exited: make(chan struct{})}
	s := &System{Fleet: &launch.Fleet{Nodes: []cluster.Node{n}}}
	must(t, s.Shutdown(t.Context(), "n1"))
	if n.telling.Load() || n.told.Load() == 0 {
		t.Errorf("told %d times, and being told: %v", n.told.Load(), n.telling.Load())
	}
}

// TestInsist: a server that has exited, or that is not to be told any more, is told nothing, be it time again or not; one
// that runs is.
func TestInsist(t *testing.T) {
	over := make(chan struct{})
	close(over)
	done, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx    context.Context
		exited chan struct{}
		want   bool
	}{
		"exited":        {t.Context(), over, false},
		"enough":        {done, make(chan struct{}), false},
		"one that runs": {t.Context(), make(chan struct{}), true},
	} {
		for range 50 { // which of two channels is taken is drawn
			n := &deaf{exited: c.exited}
			if c.want {
				n.exited = make(chan struct{})
			} else {
				n.ends.Do(func() {})
			}
			again := make(chan time.Time, 1)
			again <- time.Time{}
			insist(c.ctx, n, n.exited, again)
			if got := n.told.Load() > 0; got != c.want {
				t.Fatalf("%s: told %d times", name, n.told.Load())
			}
		}
	}
}
