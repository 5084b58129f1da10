package cluster

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Wait is one call of Await that has not returned.
type Wait struct {
	// What completes "waiting for ...".
	What string
	// Since is when it began.
	Since time.Time
	// Until is when it is given up, zero if there is no such time.
	Until time.Time
	// Last is what it was told last why not yet, nil before the first answer.
	Last error
}

// Waits are the calls of Await under a context that have not returned, for those who tell what is waited for. Its methods are safe for
// concurrent use.
type Waits struct {
	mu sync.Mutex
	on []*Wait
}

type waitsKey struct{}

// WithWaits is a context under which calls of Await are among the Waits.
func WithWaits(ctx context.Context) (context.Context, *Waits) {
	w := &Waits{}
	return context.WithValue(ctx, waitsKey{}, w), w
}

// List are those that have not returned, in the order in which they began.
func (w *Waits) List() []Wait {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]Wait, len(w.on))
	for i, on := range w.on {
		out[i] = *on
	}
	return out
}

func (w *Waits) begin(ctx context.Context, what string) *Wait {
	w.mu.Lock()
	defer w.mu.Unlock()
	on := &Wait{What: what, Since: time.Now()}
	on.Until, _ = ctx.Deadline()
	w.on = append(w.on, on)
	return on
}

func (w *Waits) said(on *Wait, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	on.Last = err
}

func (w *Waits) end(on *Wait) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.on = slices.DeleteFunc(w.on, func(other *Wait) bool { return other == on })
}

// PollEvery is how often Await asks.
const PollEvery = 20 * time.Millisecond

// Await is Poll with an error that wraps that of ctx too; what completes "waiting for ...". Meanwhile it is among the Waits of ctx.
func Await(ctx context.Context, what string, ok func(context.Context) error) error {
	if waits, has := ctx.Value(waitsKey{}).(*Waits); has {
		on := waits.begin(ctx, what)
		defer waits.end(on)
		asked := ok
		ok = func(ctx context.Context) error {
			err := asked(ctx)
			waits.said(on, err)
			return err
		}
	}
	if last := Poll(ctx, ok); last != nil {
		return fmt.Errorf("waiting for %s: %w (last: %w)", what, ctx.Err(), last)
	}
	return nil
}

// Poll calls ok every PollEvery until it returns nil or ctx is done. Its error is the last
// one of ok that ctx did not cut short.
func Poll(ctx context.Context, ok func(context.Context) error) error {
	tick := time.NewTicker(PollEvery)
	defer tick.Stop()
	var last error
	for {
		err := ok(ctx)
		if err == nil {
			return nil
		}
		// An attempt that is cut short says less than the one before it: that the network
		// is slow, where the database had said what is wrong.
		if last == nil || !over(ctx) {
			last = err
		}
		select {
		case <-ctx.Done():
			return last
		case <-tick.C:
		}
	}
}

// over tells whether ctx is done, or its deadline has passed: the network's own timers of
// the same deadline may be a moment before that of ctx.
func over(ctx context.Context) bool {
	deadline, has := ctx.Deadline()
	return ctx.Err() != nil || has && !time.Now().Before(deadline)
}
