// Package pure runs work that has no effect but its result, so that whoever waits for it
// can walk away: an interrupt ends a command at once, whatever a file of a gigabyte is
// being parsed or a page being drawn.
package pure

import (
	"context"
	"time"
)

// InterruptedError says what was left undone. It wraps the error of the context.
type InterruptedError struct {
	// Doing is in the form of "reading a file".
	Doing string
	err   error
}

// Error implements error.
func (e *InterruptedError) Error() string { return "interrupted while " + e.Doing }

// Unwrap is context.Canceled or context.DeadlineExceeded.
func (e *InterruptedError) Unwrap() error { return e.err }

// Until is what f returns, or an InterruptedError as soon as ctx is done; doing
// says what was interrupted. f is then left to end by itself: it must have no effect
// but its result, and change nothing that anybody uses afterwards.
func Until[T any](ctx context.Context, doing string, f func() (T, error)) (T, error) {
	value, err, done := Within(ctx, 0, f)
	if !done {
		return value, &InterruptedError{Doing: doing, err: ctx.Err()}
	}
	return value, err
}

// Within is what f returns. When ctx is done it waits for f, which may watch ctx itself,
// for the time of grace, and then returns with done false; what Until says of f goes
// for it.
func Within[T any](ctx context.Context, grace time.Duration, f func() (T, error)) (value T, err error, done bool) { //nolint:revive // done says whether the error is f's
	type result struct {
		value T
		err   error
	}
	ended := make(chan result, 1)
	if ctx.Err() == nil || grace > 0 {
		go func() {
			v, err := f()
			ended <- result{v, err}
		}()
	}
	select {
	case r := <-ended:
		return r.value, r.err, true
	case <-ctx.Done():
	}
	if grace > 0 {
		t := time.NewTimer(grace)
		defer t.Stop()
		select {
		case r := <-ended:
			return r.value, r.err, true
		case <-t.C:
		}
	}
	return value, nil, false
}
