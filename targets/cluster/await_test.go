package cluster_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

// TestAwaitSaysWhy: what the attempt before the last one met is told, not that the deadline
// cut the last one short.
func TestAwaitSaysWhy(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	reason := errors.New("two leaders")
	for name, cut := range map[string]func(context.Context) error{
		"by the context": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"by the network": func(ctx context.Context) error {
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				return err
			}
			defer c.Close()
			deadline, _ := ctx.Deadline()
			if err := c.SetDeadline(deadline); err != nil {
				return err
			}
			_, err = c.Read(make([]byte, 1)) // nobody answers
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				ctx, cancel := context.WithTimeout(t.Context(), 2*cluster.PollEvery)
				said := false
				err := cluster.Await(ctx, "it", func(ctx context.Context) error {
					if !said {
						said = true
						return reason
					}
					return cut(ctx)
				})
				cancel()
				if !errors.Is(err, reason) || !errors.Is(err, context.DeadlineExceeded) {
					t.Fatalf("it says %v", err)
				}
			}
		})
	}
	// Where nothing else was met, that is told.
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	err = cluster.Await(ctx, "it", func(ctx context.Context) error { <-ctx.Done(); return reason })
	if !errors.Is(err, reason) {
		t.Errorf("it says %v", err)
	}
}
