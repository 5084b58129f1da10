package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"testing"

	sdk "github.com/go-sql-driver/mysql"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/baseline"
)

// BenchmarkOverhead compares a session with a bare loop over database/sql, as the driver's
// documentation has it, with the same statements.
func BenchmarkOverhead(b *testing.B) {
	d := deploy(b, targets.Config{Nodes: 1})
	s := d.session("")
	ours := func(m history.Mop) func() error {
		return func() error {
			if res := s.at(0, m); res.Outcome != history.OK {
				return fmt.Errorf("%v: %w", res.Outcome, res.Err)
			}
			return nil
		}
	}
	must(b, ours(write(1, 1))())
	who, err := d.login(targets.Session{ID: 2}, 0)
	must(b, err)
	cfg := sdk.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.Passwd, cfg.DBName, cfg.InterpolateParams = "tcp", who.addr, who.user, who.password, who.database, true
	connector, err := sdk.NewConnector(cfg)
	must(b, err)
	bare := sql.OpenDB(connector)
	bare.SetMaxOpenConns(1)
	defer func() { _ = bare.Close() }() // what it was asked is answered
	for _, statement := range who.settings {
		_, err := bare.ExecContext(d.ctx, statement)
		must(b, err)
	}
	bounded := func(f func(context.Context) error) func() error {
		return func() error {
			ctx, cancel := context.WithTimeout(d.ctx, opTimeout)
			defer cancel()
			return f(ctx)
		}
	}
	b.Run("read", func(b *testing.B) {
		baseline.Compare(b, bounded(func(ctx context.Context) error {
			var value, version int64
			return bare.QueryRowContext(ctx, sqlRead, 1).Scan(&value, &version)
		}), ours(read(1)))
	})
	b.Run("write", func(b *testing.B) {
		baseline.Compare(b, bounded(func(ctx context.Context) error {
			res, err := bare.ExecContext(ctx, sqlWrite, 1, 1)
			if err == nil {
				_, err = res.LastInsertId()
			}
			return err
		}), ours(write(1, 1)))
	})
}
