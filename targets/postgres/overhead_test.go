package postgres

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/baseline"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
)

// BenchmarkOverhead compares a session with a bare loop over pgx, as its
// documentation has it, with the same statements and the same settings of the
// server.
func BenchmarkOverhead(b *testing.B) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	_, sys := start(b, ctx, sandbox.Provider{}, targets.Config{Nodes: 1, ReadLevel: readPrimary, WriteLevel: writeLocal})
	opened, err := sys.Open(ctx, targets.Session{ID: 1})
	must(b, err)
	defer opened.Close()
	var txn history.Txn
	ours := func(m history.Mop) func() error {
		return func() error {
			ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
			defer cancel()
			txn.Reset()
			txn.Mops = append(txn.Mops, m)
			if res := opened.Do(ctx, 0, &txn); res.Outcome != history.OK {
				return fmt.Errorf("%v: %w", res.Outcome, res.Err)
			}
			return nil
		}
	}
	must(b, ours(write(1, 1))()) // connected
	like := opened.(*client).At(0).pg.Config()
	cfg, err := pgx.ParseConfig("sslmode=disable")
	must(b, err)
	cfg.Host, cfg.Port, cfg.User, cfg.Password, cfg.Database = like.Host, like.Port, like.User, like.Password, like.Database
	cfg.RuntimeParams, cfg.Fallbacks = like.RuntimeParams, nil
	bare, err := pgx.ConnectConfig(ctx, cfg)
	must(b, err)
	defer bare.Close(ctx)
	b.Run("read", func(b *testing.B) {
		baseline.Compare(b, func() error {
			var value, version int64
			return bare.QueryRow(ctx, sqlRead, 1).Scan(&value, &version)
		}, ours(read(1)))
	})
	b.Run("write", func(b *testing.B) {
		baseline.Compare(b, func() error {
			var version int64
			return bare.QueryRow(ctx, sqlWrite, 1, int64(1)).Scan(&version)
		}, ours(write(1, 1)))
	})
}
