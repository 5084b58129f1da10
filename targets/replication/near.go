package replication

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/launch"
)

// Near follows which replicas are at most so far behind the primary: those that may
// answer reads. Between two looks a replica may fall behind further: what it answers is
// old by at most Most, a look and the answer's way. Its methods are safe for concurrent
// use after Start.
type Near struct {
	// Most is how far behind a replica may be.
	Most time.Duration
	// Nodes are the names of all nodes, Primary the index of the primary.
	Nodes   []string
	Primary func() int
	// Meter is asked how far the replicas are behind; nobody is near when it fails.
	Meter targets.LagMeter
	// Tell is told of changes, Debug of failures of Meter.
	Tell  func(format string, args ...any)
	Debug func(err error)

	mu   sync.Mutex
	near []bool
}

const (
	// NearEvery is between two looks, nearTimeout how long one may take.
	NearEvery   = 100 * time.Millisecond
	nearTimeout = 500 * time.Millisecond
)

// Start looks once and then again and again until stop.
func (n *Near) Start(ctx context.Context) (stop func()) {
	n.look(ctx)
	return launch.Every(NearEvery, n.look)
}

// look asks once. Whoever lags or does not answer is not near; a change is told.
func (n *Near) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, nearTimeout)
	defer cancel()
	lags, err := n.Meter.ReplicaLag(ctx)
	if err != nil {
		n.Debug(err)
	}
	near := make([]bool, len(n.Nodes))
	for _, l := range lags {
		near[slices.Index(n.Nodes, l.Node)] = l.BehindMS <= n.Most.Milliseconds()
	}
	n.mu.Lock()
	before := n.near
	n.near = near
	n.mu.Unlock()
	for i, name := range n.Nodes {
		if i >= len(before) || before[i] == near[i] || i == n.Primary() {
			continue
		}
		if near[i] {
			n.Tell("%s is at most %s behind: reads go to it again", name, duration.Text(n.Most))
		} else {
			n.Tell("%s is more than %s behind or does not answer: reads go elsewhere", name, duration.Text(n.Most))
		}
	}
}

// At is the node that a read asks that would ask at: it itself if it is near enough, else
// the next replica that is, else the primary.
func (n *Near) At(at int) int {
	primary := n.Primary()
	n.mu.Lock()
	defer n.mu.Unlock()
	for k := range n.Nodes {
		if i := (at + k) % len(n.Nodes); i != primary && i < len(n.near) && n.near[i] {
			return i
		}
	}
	return primary
}
