package nemesis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

// A server that cannot start is not worth waiting for. What can be told of it at once is told: that
// its process ended each time that it was started, or ended after it was started and nobody starts
// it again.
const (
	// mostStarts is how often a node that ends at once is started, with pauses between that grow
	// by startPause: what a process before it held, such as a port, may be free a moment later.
	mostStarts = 5
	startPause = 500 * time.Millisecond
	// refusedFor is how long the order to start a node may fail, and mostStarts times at least: what it takes besides a process, such
	// as members that let it in, may be there a moment later.
	refusedFor = 15 * time.Second
	// deadFor is how long a node that was started may be seen without a process.
	deadFor = 3 * time.Second
)

// gaveUp is an error that waiting does not mend.
type gaveUp struct{ error }

func (g *gaveUp) Unwrap() error { return g.error }

func isGivenUp(err error) bool {
	var g *gaveUp
	return errors.As(err, &g)
}

// giveUp notes that err, for which a window was not seen to be over, is one that waiting does not mend.
func (s *scene) giveUp(err error) {
	if !isGivenUp(err) {
		return
	}
	first := false
	s.note(func(*Tally) { first, s.lost = !s.lost, true })
	if first && s.GaveUp != nil {
		s.GaveUp(err.Error())
	}
}

// hasLost tells whether a node was given up.
func (s *scene) hasLost() (lost bool) {
	s.note(func(*Tally) { lost = s.lost })
	return lost
}

// errLost is why no fault begins any more.
var errLost = errors.New("a node was given up that cannot start")

// poll is cluster.Poll that ends with the first error that is a *gaveUp.
func poll(ctx context.Context, ok func(context.Context) error) error {
	var final error
	last := cluster.Poll(ctx, func(ctx context.Context) error {
		err := ok(ctx)
		if isGivenUp(err) {
			final, err = err, nil
		}
		return err
	})
	if final != nil {
		return final
	}
	return last
}

// ours tells whether nobody but lapse starts the process of n if it has ended: no operator of an external cluster, and
// nobody whom the database knows of, such as a failover manager.
func (s *scene) ours(n cluster.Node) bool {
	_, distant := n.(cluster.Distant)
	k, ok := s.System.(ability.Kept)
	return !distant && (!ok || !k.Kept(n.Name()))
}

// starts counts how often a node was started and ended at once.
type starts struct {
	scene *scene
	node  cluster.Node
	// begun: it was started, and not seen stopped since.
	begun bool
	ended int
	// refused counts orders to start it that failed, since a time.
	refused int
	since   time.Time
}

// stopped is called when the node is found without a process, before it is started. Under another
// fault anything may end, so that nothing is made of it.
func (t *starts) stopped(ctx context.Context) error {
	if !t.begun || !t.scene.ours(t.node) {
		return nil
	}
	t.begun = false
	if !t.scene.ledger.alone() {
		t.ended = 0
		return nil
	}
	if t.ended++; t.ended >= mostStarts {
		return &gaveUp{fmt.Errorf("%s was started %d times and ended at once each time, and is %s", t.node.Name(), t.ended, cluster.Stopped)}
	}
	sleep(ctx, time.Duration(t.ended)*startPause)
	return nil
}

// failed is called with the error of an order to start the node, and returns it, as a *gaveUp if they have failed for too long.
func (t *starts) failed(err error) error {
	if !t.scene.ours(t.node) || !t.scene.ledger.alone() {
		t.refused = 0
		return err
	}
	if t.refused == 0 {
		t.since = time.Now()
	}
	if t.refused++; t.refused >= mostStarts && time.Since(t.since) >= refusedFor {
		return &gaveUp{fmt.Errorf("%w (for %s, each time)", err, duration.Text(refusedFor))}
	}
	return err
}

// dead finds out that a node is without a process and stays so.
type dead struct {
	scene *scene
	node  cluster.Node
	since time.Time // zero while it has one
}

// deadOnes finds out that a node whose process w took away, and which was started again, has ended since, while others
// were still being started. It adds that to why the fault is not seen to be over. Under another fault nothing is made of it.
func (s *scene) deadOnes(w *window) func(why error) error {
	if w.grip != onProcess {
		return func(why error) error { return why }
	}
	return s.deadAmong(w.fault.Nodes)
}

// deadAmong finds out that one of nodes is without a process and stays so, and adds that to why something is not over.
func (s *scene) deadAmong(nodes []string) func(why error) error {
	var all []*dead
	for _, name := range nodes {
		if n, err := s.Cluster.Node(name); err == nil {
			all = append(all, &dead{scene: s, node: n})
		}
	}
	return func(why error) error {
		for _, d := range all {
			if !s.ledger.alone() {
				d.since = time.Time{}
				continue
			}
			if err := d.look(why); isGivenUp(err) {
				return err
			}
		}
		return why
	}
}

// look returns why, or why as a *gaveUp if the node has been without a process for too long.
func (d *dead) look(why error) error {
	switch {
	case d.node.State() != cluster.Stopped || !d.scene.ours(d.node):
		d.since = time.Time{}
	case d.since.IsZero():
		d.since = time.Now()
	case time.Since(d.since) >= deadFor:
		return &gaveUp{fmt.Errorf("%w (its process has ended, and for %s nobody has started it)", why, duration.Text(deadFor))}
	}
	return why
}
