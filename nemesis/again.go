package nemesis

import (
	"context"
	"sync"
	"time"
)

// again does one thing over and over, until it is stopped.
type again struct {
	cancel context.CancelFunc
	done   chan struct{}

	mu    sync.Mutex
	times int
	last  error
}

// start has do called, with the number of the call, every so often from now on. It goes
// on when ctx, which is that of an injection, is done.
func (a *again) start(ctx context.Context, every time.Duration, do func(ctx context.Context, i int) error) {
	on, cancel := context.WithCancel(context.WithoutCancel(ctx))
	a.cancel, a.done = cancel, make(chan struct{})
	go func() {
		defer close(a.done)
		for i := 0; on.Err() == nil; i++ {
			err := do(on, i)
			a.mu.Lock()
			if a.last = err; err == nil {
				a.times++
			}
			a.mu.Unlock()
			sleep(on, every)
		}
	}()
}

// stop returns when nothing more is done. It may be called again, and of one that was
// never started.
func (a *again) stop() {
	if a.cancel != nil {
		a.cancel()
		<-a.done
	}
}

// soFar says how often it was done, and what went wrong last.
func (a *again) soFar() (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.times, a.last
}
