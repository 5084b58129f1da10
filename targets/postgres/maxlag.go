package postgres

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/lapse-test/lapse/history"
)

// How often read level max-lag looks at the standbys, and how long it waits for
// their answers.
const (
	lagLook        = 100 * time.Millisecond
	lagLookTimeout = 500 * time.Millisecond
)

// lagWatch keeps how far each standby is behind, as a proxy or an application
// does that routes reads by lag: it asks the primary and the standbys now and
// then, and reads go by the last answer. A standby that did not answer, or a
// primary that did not, counts as too far behind. That the primary is asked is
// what matters: a standby that is cut off from it has replayed all that it
// received, and would say of itself that it is not behind at all.
//
// Between two looks a standby may fall behind further: a read at level max-lag is
// at most the threshold, a look and the answer's way behind.
type lagWatch struct {
	state  atomic.Pointer[[]bool]
	cancel context.CancelFunc
	done   chan struct{}
}

func startLagWatch(s *System) *lagWatch {
	ctx, cancel := context.WithCancel(context.Background())
	w := &lagWatch{cancel: cancel, done: make(chan struct{})}
	w.state.Store(&[]bool{})
	go w.run(ctx, s)
	return w
}

func (w *lagWatch) stop() {
	w.cancel()
	<-w.done
}

func (w *lagWatch) run(ctx context.Context, s *System) {
	defer close(w.done)
	t := time.NewTicker(lagLook)
	defer t.Stop()
	for {
		w.look(ctx, s)
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// look asks once. Whoever lags or does not answer is not near; a change is told.
func (w *lagWatch) look(ctx context.Context, s *System) {
	ctx, cancel := context.WithTimeout(ctx, lagLookTimeout)
	defer cancel()
	near := make([]bool, len(s.Nodes))
	lags, err := s.Lag(ctx)
	if err != nil {
		s.Logger.Debug("looking at the standbys' lag", "error", err)
	}
	for i, n := range s.Nodes {
		lag, asked := lags[n.Name()]
		near[i] = asked && lag.Time <= s.set.maxLag
	}
	before := *w.state.Swap(&near)
	for i, n := range s.Nodes {
		if i >= len(before) || before[i] == near[i] || i == s.primaryIndex() {
			continue
		}
		if near[i] {
			s.tell("standby", "%s is at most %s behind: reads go to it again", n.Name(), s.set.maxLag)
		} else {
			s.tell("standby", "%s is more than %s behind or does not answer: reads go elsewhere", n.Name(), s.set.maxLag)
		}
	}
}

// near is the node that a read asks that would ask at: it itself if it is near
// enough, else the next standby that is, else the primary.
func (w *lagWatch) near(at, nodes, primary int) int {
	near := *w.state.Load()
	for k := range nodes {
		if i := (at + k) % nodes; i != primary && i < len(near) && near[i] {
			return i
		}
	}
	return primary
}

// ReplicaLag implements targets.LagMeter.
func (s *System) ReplicaLag(ctx context.Context) ([]history.Lag, error) {
	if s.set.multiLeader {
		return nil, nil // there is no replica of a whole node
	}
	lags, err := s.Lag(ctx)
	if err != nil {
		return nil, err
	}
	var out []history.Lag
	for name, l := range lags {
		out = append(out, history.Lag{Node: name, BehindMS: l.Time.Milliseconds(), NotReceived: l.Received, NotApplied: l.Replayed})
	}
	slices.SortFunc(out, func(a, b history.Lag) int {
		if a.Node < b.Node {
			return -1
		}
		return 1
	})
	return out, nil
}
