package launch

import (
	"context"
	"sync"
	"time"
)

// Every calls f every d, one call after the other, until stop is called; stop ends the
// context of a call that is under way and returns when it has returned. It may be called
// more than once.
func Every(d time.Duration, f func(ctx context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(d)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				f(ctx)
			}
		}
	})
	return func() { cancel(); running.Wait() }
}
