package launch

import (
	"context"
	"sync/atomic"
	"testing"
	"time"
)

// TestEvery: nothing is called after stop, whose callers do not wait for a call that goes
// by its context.
func TestEvery(t *testing.T) {
	var calls, running atomic.Int32
	called := make(chan struct{}, 1)
	stop := Every(time.Millisecond, func(ctx context.Context) {
		if running.Add(1) != 1 {
			t.Error("two calls at once")
		}
		defer running.Add(-1)
		if calls.Add(1) == 3 {
			called <- struct{}{}
			<-ctx.Done()
		}
	})
	<-called
	stop()
	stop()
	if got := calls.Load(); got != 3 || running.Load() != 0 {
		t.Errorf("%d calls, %d still running", got, running.Load())
	}
}
