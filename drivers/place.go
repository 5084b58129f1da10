package drivers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lapse-test/lapse/targets"
)

const (
	// patience is how long nodes may take to show what they are before a driver is admitted.
	patience = 20 * time.Second
	// showTimeout is for one question to one node.
	showTimeout = 2 * time.Second
	// lookEvery is the pause between two rounds of questions.
	lookEvery = 200 * time.Millisecond
)

// place is the run's database as its driver reaches it. No operation is sent to a node before it has shown what the run
// made: at an address that means another machine here there may be another database, whose answers would be
// violations of none. Safe for concurrent use.
type place struct {
	joined   targets.Joined
	at       []string
	patience time.Duration

	mu    sync.Mutex
	shown []bool
}

func newPlace(joined targets.Joined, at []string) *place {
	return &place{joined: joined, at: at, patience: patience, shown: make([]bool, len(at))}
}

// shows is nil when node i has shown what the run made, now or before.
func (p *place) shows(ctx context.Context, i int) error {
	p.mu.Lock()
	shown := p.shown[i]
	p.mu.Unlock()
	if shown {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, showTimeout)
	defer cancel()
	if err := p.joined.Shows(ctx, i); err != nil {
		return fmt.Errorf("%s: %w", p.at[i], err)
	}
	p.mu.Lock()
	p.shown[i] = true
	p.mu.Unlock()
	return nil
}

// admit returns nil when every node has shown what the run made, or, for a driver that comes late, when
// one has and the others do not answer. A node that answers and does not show it has until patience is over.
func (p *place) admit(ctx context.Context, late bool) error {
	limit := time.Now().Add(p.patience)
	for {
		errs := make([]error, len(p.at))
		var asked sync.WaitGroup
		for i := range p.at {
			asked.Go(func() { errs[i] = p.shows(ctx, i) })
		}
		asked.Wait()
		err := errors.Join(errs...)
		foreign, some := errors.Is(err, targets.ErrElsewhere), false
		for _, e := range errs {
			some = some || e == nil
		}
		switch {
		case err == nil || late && some && !foreign:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Now().After(limit):
			return err
		}
		select {
		case <-time.After(lookEvery):
		case <-ctx.Done():
		}
	}
}
