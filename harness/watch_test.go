package harness

import (
	"context"
	"sync/atomic"
	"testing"
	"time"
)

// What is left when the judging ends is judged once more, with a context that is not done, unless the run was interrupted.
func TestLastJudging(t *testing.T) {
	for _, ending := range []bool{true, false} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var last atomic.Bool
		last.Store(ending)
		calls := 0
		repeat(ctx, &last, func(time.Duration) time.Duration { return time.Hour }, func(ctx context.Context, all bool) {
			calls++
			if !all || ctx.Err() != nil {
				t.Errorf("all of it: %t, %v", all, ctx.Err())
			}
		})
		if want := map[bool]int{true: 1}[ending]; calls != want {
			t.Errorf("to be judged to its end: %t: judged %d times, expected %d", ending, calls, want)
		}
	}
}
