package wire

import (
	"context"
	"time"
)

// Ask connects, calls use with the connection and ends it: a question by a connection of its own,
// all of which takes limit at most. Errors come as they are.
func Ask[C any](ctx context.Context, limit time.Duration, connect func(context.Context) (C, error), end func(C), use func(context.Context, C) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c, err := connect(ctx)
	if err != nil {
		return err
	}
	defer end(c)
	return use(ctx, c)
}
