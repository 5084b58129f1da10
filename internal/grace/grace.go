// Package grace lets what is under way go on for a moment after an interrupt.
package grace

import (
	"context"
	"time"
)

// After is a context with the values of ctx that ends d after ctx does, or when the function is called, which must
// be called in the end.
func After(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	lasting, end := context.WithCancel(context.WithoutCancel(ctx))
	forget := context.AfterFunc(ctx, func() {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			end()
		case <-lasting.Done():
		}
	})
	return lasting, func() { forget(); end() }
}
