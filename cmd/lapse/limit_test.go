package main

import (
	"context"
	"testing"
	"time"
)

// hangs is after how long what a test waits for is taken to hang, on any machine: it is no
// claim about how fast something is. The limit of the package is longer, and takes all of
// its tests along without a word about what was waited for.
const hangs = 5 * time.Minute

// limited is a context that ends with the test, with cancel, or when what it is given to hangs.
func limited(t *testing.T) (ctx context.Context, cancel context.CancelFunc) {
	t.Helper()
	ctx, cancel = context.WithTimeout(t.Context(), hangs)
	t.Cleanup(cancel)
	return ctx, cancel
}
