package redis

import (
	"context"
	"fmt"
	"testing"

	driver "github.com/redis/go-redis/v9"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/baseline"
)

// BenchmarkOverhead compares a session with a bare loop over go-redis, as its
// documentation has it.
func BenchmarkOverhead(b *testing.B) {
	d := deploy(b, targets.Config{Nodes: 1})
	s := d.session(b)
	ours := func(m history.Mop) func() error {
		return func() error {
			if res := s.at(0, m); res.Outcome != history.OK {
				return fmt.Errorf("%v: %w", res.Outcome, res.Err)
			}
			return nil
		}
	}
	must(b, ours(write(1, 1))())
	bare := driver.NewClient(&driver.Options{Addr: d.nodes[0].Addr, ContextTimeoutEnabled: true})
	defer func() { _ = bare.Close() }() // what it was asked is answered
	name := d.keys.name(&history.Mop{Func: history.Read, Key: 1})
	bounded := func(f func(context.Context) error) func() error {
		return func() error {
			ctx, cancel := context.WithTimeout(d.ctx, opTimeout)
			defer cancel()
			return f(ctx)
		}
	}
	b.Run("read", func(b *testing.B) {
		baseline.Compare(b, bounded(func(ctx context.Context) error { return bare.Get(ctx, name).Err() }), ours(read(1)))
	})
	b.Run("write", func(b *testing.B) {
		baseline.Compare(b, bounded(func(ctx context.Context) error { return bare.Set(ctx, name, 1, 0).Err() }), ours(write(1, 1)))
	})
}
