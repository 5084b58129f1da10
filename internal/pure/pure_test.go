package pure_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/internal/pure"
)

func TestUntilReturnsWhatIsDone(t *testing.T) {
	wrong := errors.New("wrong")
	if v, err := pure.Until(t.Context(), "counting", func() (int, error) { return 7, wrong }); v != 7 || !errors.Is(err, wrong) {
		t.Errorf("got %d, %v", v, err)
	}
}

// TestUntilLeaves waits for work that never ends by itself.
func TestUntilLeaves(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	never := make(chan struct{})
	defer close(never)
	_, err := pure.Until(ctx, "counting", func() (int, error) {
		cancel()
		<-never
		return 7, nil
	})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "counting") {
		t.Errorf("got %v", err)
	}
	begun := false
	if _, err := pure.Until(ctx, "counting", func() (int, error) { begun = true; return 7, nil }); !errors.Is(err, context.Canceled) || begun {
		t.Errorf("after the interrupt: %v, begun: %t", err, begun)
	}
}

func TestWithinLetsFinish(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	v, err, done := pure.Within(ctx, time.Hour, func() (int, error) {
		cancel()
		<-ctx.Done()
		return 7, nil
	})
	if v != 7 || err != nil || !done {
		t.Errorf("got %d, %v, %t", v, err, done)
	}
	never := make(chan struct{})
	defer close(never)
	if _, _, done := pure.Within(ctx, time.Nanosecond, func() (int, error) { <-never; return 7, nil }); done {
		t.Error("what never ended is done")
	}
}
