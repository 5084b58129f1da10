package etcd

import (
	"context"
	"fmt"
	"testing"

	driver "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/baseline"
)

// BenchmarkOverhead compares a session with a bare loop over etcd's client, as its
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
	bare, err := driver.New(driver.Config{Endpoints: []string{d.nodes[0].Addr}, Logger: zap.NewNop()})
	must(b, err)
	defer func() { _ = bare.Close() }() // what it was asked is answered
	name := prefix + kindValue + history.Key(1).String()
	bounded := func(f func(context.Context) error) func() error {
		return func() error {
			ctx, cancel := context.WithTimeout(d.ctx, opTimeout)
			defer cancel()
			return f(ctx)
		}
	}
	b.Run("read", func(b *testing.B) {
		baseline.Compare(b, bounded(func(ctx context.Context) error {
			_, err := bare.Get(ctx, name)
			return err
		}), ours(read(1)))
	})
	b.Run("write", func(b *testing.B) {
		baseline.Compare(b, bounded(func(ctx context.Context) error {
			_, err := bare.Txn(ctx).Then(driver.OpPut(name, "1")).Commit()
			return err
		}), ours(write(1, 1)))
	})
}
